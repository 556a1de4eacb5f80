"""Checkpoints in: what they say of their run, their weights, other names for these."""
