"""Noise: how certain a map is that is a mean over noise."""
