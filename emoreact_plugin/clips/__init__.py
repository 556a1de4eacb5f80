"""Read a clip from disk: its files, landmarks, crops and masks, and the regions in its frames."""
