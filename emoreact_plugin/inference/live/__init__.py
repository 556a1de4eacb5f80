"""Score a camera, or frames as they arrive."""
