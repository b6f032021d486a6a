"""The decoder's step as launches of kernels over buffers that never move. Needs Triton and a CUDA device."""
