import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.plots.contact_sheet import Cell, Panel, draw_boxes, draw_sheets

SIZE = 32


def noise(seed, height=SIZE, width=SIZE):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def place(sheet, image):
    """(x, y) of an image that stands once on a sheet, pixel for pixel."""
    high, wide = image.shape[:2]
    ys, xs = np.nonzero((sheet == image[0, 0]).all(axis=2))
    found = [
        (x, y)
        for x, y in zip(xs, ys, strict=True)
        if np.array_equal(sheet[y : y + high, x : x + wide], image)
    ]
    assert len(found) == 1
    return found[0]


def ink(sheet, color=None):
    """Where a sheet is not white, or of one colour."""
    return (sheet != 255).any(axis=2) if color is None else (sheet == color).all(axis=2)


def panel(seed, columns=2, title='clip', rows=('frame', 'face')):
    return Panel(
        title,
        'text',
        {name: [Cell(noise([seed, i, j])) for j in range(columns)] for i, name in enumerate(rows)},
    )


def test_images_stand_in_rows_and_columns():
    one, two = panel(0), panel(1, columns=3)
    (sheet,) = draw_sheets([one, two], cell=SIZE)
    places = [
        [[place(sheet, each.image) for each in row] for row in each.rows.values()]
        for each in (one, two)
    ]
    for rows in places:
        for row in rows:
            assert len({y for _, y in row}) == 1
            assert set(np.diff([x for x, _ in row])) == {SIZE + 6}
        assert [x for x, _ in rows[0]] == [x for x, _ in rows[1]]
        assert rows[1][0][1] - rows[0][0][1] == SIZE + 6
    # The second stands right of the first, at the same height.
    assert places[1][0][0][1] == places[0][0][0][1]
    assert places[1][0][0][0] >= places[0][0][1][0] + SIZE + 6
    # Names and titles stand where nothing else does.
    left = places[0][0][0][0]
    assert ink(sheet[:, : left - 6]).any()
    assert not ink(sheet[:, left - 6 : left]).any()
    assert ink(sheet[: places[0][0][0][1] - 4, left:]).any()
    assert not ink(sheet[places[0][1][0][1] + SIZE :]).any()


def test_none_leaves_its_place_free():
    given = panel(0, columns=3)
    given.rows['face'][1] = None
    (sheet,) = draw_sheets([given], cell=SIZE)
    x, y = place(sheet, given.rows['face'][0].image)
    assert place(sheet, given.rows['face'][2].image) == (x + 76, y)
    assert not ink(sheet[y : y + SIZE, x + SIZE : x + 76]).any()


def test_a_wide_panel_goes_on_below():
    given = panel(0, columns=5)
    (sheet,) = draw_sheets([given], cell=SIZE, width=200)
    assert sheet.shape[1] <= 200
    places = [place(sheet, each.image) for each in given.rows['frame']]
    xs, ys = zip(*places, strict=True)
    assert ys[0] == ys[1] == ys[2] < ys[3] == ys[4] and xs[3:] == xs[:2]
    assert place(sheet, given.rows['face'][0].image)[1] < ys[3]


def test_many_panels_make_several_sheets():
    panels = [panel(i) for i in range(7)]
    # Two of 70 pixels stand side by side beside the names, so there are four
    # lines of some 140 pixels.
    for height, count in ((1000, 1), (300, 2), (200, 4), (1, 4)):
        sheets = draw_sheets(panels, cell=SIZE, width=300, height=height)
        assert len(sheets) == count
        assert all(len(sheet) <= max(height, 200) for sheet in sheets)
        assert len({sheet.shape[1] for sheet in sheets}) == 1
        assert sheets[0].shape[1] <= 300
    place(sheets[-1], panels[6].rows['face'][1].image)


def test_images_are_scaled_to_the_cell():
    small = np.array([[[0] * 3, [50] * 3], [[100] * 3, [150] * 3]], np.uint8)
    wide = np.full((SIZE, 4 * SIZE, 3), 77, np.uint8)
    (sheet,) = draw_sheets(
        [Panel('a', '', dict(small=[Cell(small)], wide=[Cell(wide)]))], cell=SIZE
    )
    big = small.repeat(16, axis=0).repeat(16, axis=1)
    x, y = place(sheet, big)
    assert (sheet[y + SIZE + 6 : y + SIZE + 14, x : x + SIZE] == 77).all()
    assert (ink(sheet, 77).sum()) == 8 * SIZE


def test_boxes_in_their_colors():
    image = np.full((20, 30, 3), 9, np.uint8)
    colors = dict(a='#FF0000', b='#0000FF')
    out = draw_boxes(image, dict(a=(3, 4, 13, 16), b=(0, 0, 30, 20)), colors)
    assert (image == 9).all()
    expected = image.copy()
    expected[4:16, 3:13] = 255, 0, 0
    expected[6:14, 5:11] = 9
    inner = expected[2:18, 2:28].copy()
    expected[:] = 0, 0, 255
    expected[2:18, 2:28] = inner
    assert np.array_equal(out, expected)


def test_lines_with_edges():
    image = np.full((30, 40, 3), 9, np.uint8)
    box = (2, 2, 38, 28)
    out = draw_boxes(image, dict(a=box, b=box), dict(a='#FFFF00', b='#0000FF'), line=2, edge=1)
    black, white = [0] * 3, [255] * 3
    yellow, blue = [255, 255, 0], [0, 0, 255]
    # from the outside in: a bright line has dark edges, a dark one bright
    lines = [[9] * 3] * 2 + [black, yellow, yellow, black, white, blue, blue, white]
    assert out[:10, 15].tolist() == out[:19:-1, 15].tolist() == lines
    assert out[15, :10].tolist() == out[15, :29:-1].tolist() == lines
    assert (out[10:20, 10:30] == 9).all() and (image == 9).all()


def test_equal_boxes_are_both_seen():
    image = np.zeros((20, 30, 3), np.uint8)
    box = (2, 2, 22, 18)
    out = draw_boxes(image, dict(a=box, b=box), dict(a='#FF0000', b='#0000FF'), line=1)
    assert out[2, 2:22].tolist() == [[255, 0, 0]] * 20
    assert out[3, 3:21].tolist() == [[0, 0, 255]] * 18
    assert out[17, 2:22].tolist() == [[255, 0, 0]] * 20
    assert out[16, 20].tolist() == [0, 0, 255]
    assert not out[4:16, 4:20].any() and not out[18:].any()


def test_boxes_are_scaled_with_their_image():
    frame = np.full((2 * SIZE, 2 * SIZE, 3), 200, np.uint8)
    cell = Cell(frame, dict(face=(10, 20, 40, 60)))
    (sheet,) = draw_sheets([Panel('a', '', dict(frame=[cell], face=[Cell(noise(0))]))], cell=SIZE)
    x, y = place(sheet, noise(0))
    y -= SIZE + 6
    vermilion = (0xD5, 0x5E, 0)
    lines = ink(sheet[y : y + SIZE, x : x + SIZE], vermilion)
    rows, columns = np.nonzero(lines)
    assert (rows.min(), rows.max() + 1) == (10, 30)
    assert (columns.min(), columns.max() + 1) == (5, 20)
    # The name of its row has the same colour, that of the frame has not.
    assert ink(sheet[y + SIZE + 6 :, :x], vermilion).any()
    assert not ink(sheet[y : y + SIZE, :x], vermilion).any()


def test_notes_and_long_texts():
    row = [Cell(noise(0)), Cell(noise(1), note='a note that is too long')]
    (sheet,) = draw_sheets([Panel('a' * 99, 'word ' * 20, dict(face=row))], cell=SIZE)
    x, y = place(sheet, noise(0))
    below = ink(sheet[y + SIZE : y + SIZE + 18])
    assert not below[:, x : x + SIZE].any()
    assert below[:, x + SIZE + 6 :].any()
    # Nothing reaches past the images: it is broken or cut.
    assert not ink(sheet[:, x + 2 * SIZE + 6 :]).any()
    assert y > 12 + 8 * 18  # many lines of words above


@pytest.mark.parametrize('cell', [0, 200])
def test_errors(cell):
    with pytest.raises(InputError, match='expected one clip or more'):
        draw_sheets([])
    with pytest.raises(InputError, match=f'of 1 to .* found {cell}$'):
        draw_sheets([panel(0)], cell=cell, width=200)
