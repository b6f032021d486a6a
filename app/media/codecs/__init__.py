"""From a file's bytes to pixels and samples. Runs only inside the sandbox's processes.

Nothing here imports numpy, settings or the model: what a decoding process imports, each one pays for.
"""
