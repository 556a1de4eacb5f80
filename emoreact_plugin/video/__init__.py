"""Read videos and folders of frames exactly, and write them."""

import numpy as np

# Once a large block was freed, glibc keeps up to twice as much memory for the next frames. To get
# it from the system anew took up to a fourth of the time of a training sample.
np.empty(31 << 20, np.uint8)
