from inference.kernels.cpu.compiler import is_supported

# They need a processor with AVX2 and llvmlite, which is installed where such processors are.
collect_ignore_glob = [] if is_supported() else ["test_*.py"]
