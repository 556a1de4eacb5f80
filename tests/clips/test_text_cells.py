"""Test OpenFace files that another program has read and written anew."""

import csv

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.landmark_readers import read_openface_csv
from tests.factories import FRAMES, face_of, write_openface


@pytest.fixture
def original(tmp_path):
    path = tmp_path / 'clip.csv'
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[2] = np.nan
    write_openface(path, faces)
    return path


def rewrite(path, change=lambda row: row, **dialect):
    """Write the rows of an OpenFace file as Python's CSV writer does."""
    rows = [[cell.strip() for cell in line.split(',')] for line in path.read_text().splitlines()]
    with open(path, 'w', newline='') as file:
        csv.writer(file, **dialect).writerows(map(change, rows))


def decimal_commas(row):
    return [cell.replace('.', ',') for cell in row]


def index_column(row):
    return ['' if row[0] == 'frame' else str(int(row[0]) - 1), *row]


# What R's write.csv and write.csv2, a spreadsheet, and pandas' to_csv make of it.
WRITERS = {
    'quotes': dict(quoting=csv.QUOTE_ALL),
    'quotes around text': dict(quoting=csv.QUOTE_NONNUMERIC),
    'semicolons': dict(delimiter=';'),
    'semicolons and decimal commas': dict(delimiter=';', change=decimal_commas),
    'quotes, semicolons, decimal commas': dict(
        delimiter=';', change=decimal_commas, quoting=csv.QUOTE_ALL
    ),
    'tabs': dict(delimiter='\t'),
    'tabs and decimal commas': dict(delimiter='\t', change=decimal_commas),
    'an index column': dict(change=index_column),
    'an index column in quotes': dict(change=index_column, quoting=csv.QUOTE_ALL),
    'missing numbers as NA': dict(
        change=lambda row: ['NA' if cell == '0.0' else cell for cell in row]
    ),
}


@pytest.mark.parametrize('name', WRITERS)
def test_the_landmarks_stay_the_same(original, name):
    before = read_openface_csv(original)
    assert np.isfinite(before[0]).all(axis=(1, 2)).tolist() == [True, True, False] + [True] * 3
    rewrite(original, **WRITERS[name])
    for one, other in zip(read_openface_csv(original), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_commas_are_no_decimal_ones(original):
    """In a file with commas between its cells, "1,234" may be a thousand."""
    rewrite(original, lambda row: [cell if cell != '10.0' else '1,234' for cell in row])
    with pytest.raises(InputError, match="line 2, column x_0: expected a number, found '1,234'"):
        read_openface_csv(original)


def test_the_faces_of_single_images_are_refused(tmp_path):
    """FaceLandmarkImg writes a row for each face of an image, which are no frames."""
    points = [f'{axis}_{k}' for axis in 'xy' for k in range(68)]
    lines = [', '.join(['face', 'confidence', *points])]
    lines += [', '.join([str(k), '0.98', *['20'] * 136]) for k in range(3)]
    path = tmp_path / 'image.csv'
    path.write_text('\n'.join(lines) + '\n')
    with pytest.raises(InputError, match=r'image\.csv: .*FaceLandmarkImg'):
        read_openface_csv(path)
