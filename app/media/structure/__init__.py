"""Cheap checks of a container before a codec reads it: counts, sizes and canvases that the bytes declare.

Each refuses what real cameras and recorders do not write and what costs far more than its bytes. What
passes is still bounded by the sandbox: these checks keep such a file from taking that long.
"""
