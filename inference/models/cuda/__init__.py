"""The decoder's step as launches of kernels over fixed buffers. Needs Triton and a CUDA device."""
