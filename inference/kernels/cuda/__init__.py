"""Triton kernels of the decoder on NVIDIA GPUs. Imported only where a CUDA device runs the decoder."""
