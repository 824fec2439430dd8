"""Learn: short lessons."""
