"""Sanity: whether maps depend on the model and on the class."""
