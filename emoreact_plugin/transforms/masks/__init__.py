"""Draw medical masks on faces."""
