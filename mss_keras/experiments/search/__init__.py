"""experiments/search."""
