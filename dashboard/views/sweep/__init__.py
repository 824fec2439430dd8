"""Sweep: one method with several values of one or two settings."""
