"""What evaluates a network: at which points, in which batches, and what is remembered."""
