"""Find landmarks with the models of mediapipe."""
