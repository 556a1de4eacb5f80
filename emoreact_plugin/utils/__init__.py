"""What knows nothing of emotions: files, progress, random state, texts."""
