"""Read checkpoints and weight files: run metadata, weights, and their names in other systems."""
