"""Path: what a path method meets between the baseline and the photo."""
