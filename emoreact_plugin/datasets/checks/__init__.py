"""Check a data set: find its problems and list them."""
