"""Run batch jobs over a dataset: frames, crops, landmarks, the release, a report."""
