"""Results: the measurements of the benchmark over many photos."""
