"""The linked viewer (JavaScript, CSS), and plain images for browsers that cannot run it."""
