"""Batch jobs over a data set: frames, crops, landmarks, the release, a report."""
