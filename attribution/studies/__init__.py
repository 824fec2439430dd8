"""Questions about a map: how certain, how stable, along which path, and at which noise scale."""
