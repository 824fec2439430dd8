"""The linked viewer with its JavaScript and style, and plain images for browsers without it."""
