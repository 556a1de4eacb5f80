"""Helpers that know nothing of emotions: files, progress bars, random state, texts."""
