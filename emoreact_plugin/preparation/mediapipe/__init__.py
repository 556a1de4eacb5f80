"""Landmarks found by the models of mediapipe."""
