"""Evaluation of networks: the points, the batches, and the store of evaluated points."""
