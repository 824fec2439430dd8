"""Compare: the photo, the maps beside it, and the curves that measure them."""
