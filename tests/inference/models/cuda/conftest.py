"""The kernels' tests need Triton. Without it they are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]
