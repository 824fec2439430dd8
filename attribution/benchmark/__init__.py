"""Measures methods on every photo of a folder, keeps the results in a file, and prints tables of them.

`python -m attribution.benchmark PHOTOS --out results.db` measures. `python -m attribution.benchmark report results.db`
prints a table.
"""
