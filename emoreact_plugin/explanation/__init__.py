"""Show where a network looks, with Grad-CAM and its pictures."""
