"""A camera or frames as they come."""
