"""Noise: how certain a mean over noise samples is."""
