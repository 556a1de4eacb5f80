"""Read videos and folders of frames exactly, and write them."""
