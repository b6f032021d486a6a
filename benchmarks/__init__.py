"""Measurements, each a command: `python -m benchmarks.<name>` prints a table, then one JSON line."""
