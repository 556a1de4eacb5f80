"""Videos and folders of frames: read them exactly, write them."""
