"""Path: scores and gradients between the baseline and the photo."""
