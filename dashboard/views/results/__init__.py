"""Results: what the benchmark measured over a folder of photos."""
