"""Learn: six short lessons."""
