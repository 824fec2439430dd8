"""Over a folder of photos: every method measured on every one of them, kept, and told in tables.

`python -m attribution.benchmark PHOTOS --out results.db` measures, `python -m attribution.benchmark report results.db`
tells.
"""
