"""A clip on disk: its files, landmarks, crops and masks, and the regions in its frames."""
