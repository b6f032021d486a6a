"""How rows are rounded to int8, for all that do it."""

INT8_MAX = 127.0
SMALLEST_PEAK = 1e-30  # of a row; a row of zeros has none
