"""Medical masks that are drawn on faces."""
