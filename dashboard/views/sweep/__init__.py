"""Sweep: one method with one knob or two turned through their values."""
