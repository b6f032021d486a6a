"""Decodes media in child processes that can be killed: one process, one file.

`sandbox` is what the gateway holds, `fork_server` the process that makes the others, `decoding_process` what
runs in each of them. What parses strangers' bytes never runs in the gateway itself.
"""
