"""The checks of a data set, which find and list its problems."""
