"""Check what holds for all masks on all faces, with drawn examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emoreact_plugin.transforms.masks.drawing import MaskLook, draw_mask
from emoreact_plugin.transforms.masks.shapes import COLORS, KINDS
from tests.transforms.masks.faces import changed, face

looks = st.builds(
    MaskLook, st.sampled_from(sorted(KINDS)), st.sampled_from(list(COLORS.values())), st.booleans()
)
angles = st.tuples(st.floats(-40, 40), st.floats(-20, 20), st.floats(-180, 180))


@settings(derandomize=True, max_examples=15, deadline=None)
@given(looks, angles, st.floats(0.2, 1.5), st.floats(-50, 250), st.floats(-50, 200), st.integers(0))
def test_a_mask_changes_the_lower_face_and_nothing_else(look, pose, scale, x, y, seed):
    frame = np.random.default_rng(seed).integers(0, 256, (150, 200, 3)).astype(np.uint8)
    before, points = frame.copy(), face(*pose, scale, (x, y))
    masked = draw_mask(frame, points, look)
    assert np.array_equal(frame, before)
    if masked is None:
        return
    assert masked.shape == frame.shape and masked.dtype == np.uint8
    # Half the size of the face around it, on each side.
    low, high = points.min(axis=0), points.max(axis=0)
    row, column = np.nonzero(changed(before, masked))
    places = np.stack([column, row], axis=1)
    assert ((places >= low - (high - low) / 2) & (places <= high + (high - low) / 2)).all()


@pytest.mark.parametrize('kind', KINDS)
def test_a_face_outside_of_the_frame_changes_nothing(kind):
    frame = np.full((150, 200, 3), 99, np.uint8)
    masked = draw_mask(frame, face(center=(-900, 75)), MaskLook(kind, COLORS['white']))
    assert masked is None or np.array_equal(masked, frame)
