import csv

import pytest

from tests.factories import call_tool


@pytest.fixture
def parts(tmp_path):
    """Write a file of nine clips, each of one frame of one of three videos."""
    path = tmp_path / 'all.csv'
    rows = [f'{who}.mp4,{k},{k + 1},{who},1,{k % 2}' for who in 'abc' for k in range(3)]
    path.write_text('\n'.join(['file,from,to,who,calm,angry', *rows]) + '\n')
    return path


def test_clips_are_parts_of_videos(parts, tmp_path):
    roles = ['--columns', 'video=file', 'start=from', 'end=to']
    code, out, errors = call_tool(
        'make_folds', parts, '--groups', 'who', *roles, '--folds', '3', '--out', tmp_path
    )
    assert code == 0, errors
    assert out.split()[:6] == ['tested', 'in', 'clips', 'who', 'calm', 'angry']
    for fold in range(3):
        with open(tmp_path / f'fold{fold}' / 'test.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        assert [row['from'] for row in rows] == ['0', '1', '2']
        assert len({row['file'] for row in rows}) == 1


def test_a_column_without_a_role_is_refused(parts):
    code, _, errors = call_tool('make_folds', parts, '--groups', 'who', '--columns', 'from')
    assert code == 2 and "expected ROLE=COLUMN, found 'from'" in errors
