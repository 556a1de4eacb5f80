import operator
import os

import pytest

from emoreact_plugin import InputError
from emoreact_plugin.datasets import EMOTIONS, groups, read_annotations
from tests.factories import dataset

HEADER = ',video,' + ','.join(EMOTIONS) + ',Valence\n'
ROW = '0,80sTOYS105_2.mp4,0,0,0,1,0,0,0,1,3.3333\n'


@pytest.fixture
def write(tmp_path):

    def write(text, encoding='utf-8'):
        path = tmp_path / 'train.csv'
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


def test_the_format_of_emoreact(write):
    rows = read_annotations(write(HEADER + ROW + '1,B1.mp4' + ',0' * 8 + ',7\n'))
    assert [r.video for r in rows] == ['80sTOYS105_2.mp4', 'B1.mp4']
    assert rows[0].label == (0, 0, 0, 1, 0, 0, 0, 1)
    assert rows[0].valence == 3.3333
    assert rows[1].label == (0,) * 8  # no positive: a sample like any other


def test_bom_crlf_and_blanks_in_the_header(write):
    text = (HEADER.replace(',', ', ') + ROW).replace('\n', '\r\n')
    assert read_annotations(write(text, 'utf-8-sig'))[0].valence == 3.3333


def test_other_classes_in_another_order_and_no_valence(write):
    rows = read_annotations(write('video,calm,angry\na/b.avi,1.0,0\n'), ('angry', 'calm'))
    assert (rows[0].video, rows[0].label, rows[0].valence) == ('a/b.avi', (0.0, 1.0), None)


@pytest.mark.parametrize(
    'text, message',
    [
        ('', "expected a column 'video', found the columns none"),
        ((HEADER + ROW).replace(',', ';'), 'Valence. Separate them by commas'),
        ((HEADER + ROW).replace(',', '\t'), 'Valence. Separate them by commas'),
        (HEADER, 'expected at least one clip, found none'),
        (
            HEADER.replace('Fear,', '') + ROW,
            "expected a column 'Fear', found the columns video, Curiosity",
        ),
        (
            HEADER + ROW.replace(',1,', ',2,', 1),
            "line 2, column 'Happiness': expected 0 or 1, found '2'",
        ),
        (
            HEADER + ROW.replace(',1,', ',,', 1),
            "line 2, column 'Happiness': expected 0 or 1, found ''",
        ),
        (HEADER + ROW.replace(',1,', ',yes,', 1), "found 'yes'"),
        (HEADER + ROW.replace(',1,', ',0.5,', 1), "found '0.5'"),
        (HEADER + ROW.replace(',1,', ',nan,', 1), "found 'nan'"),
        (HEADER + '0,a.mp4,1,0\n', "column 'Excitement': expected 0 or 1, found None"),
        (HEADER + ROW.replace('3.3333', 'high'), "'Valence': expected a number, found 'high'"),
        (
            HEADER + ROW + '\n' + ROW,
            "line 4: video '80sTOYS105_2.mp4': its id '80sTOYS105_2' is that of line 2",
        ),
        (
            HEADER + ROW + ROW.replace('80s', './80s'),
            "line 3: video './80sTOYS105_2.mp4': its id '80sTOYS105_2' is that of line 2",
        ),
        (
            HEADER + ROW + ROW.replace('.mp4', '.mov'),
            "line 3: video '80sTOYS105_2.mov': its id '80sTOYS105_2' is that of line 2",
        ),
        (HEADER.replace('Fear,', 'Fear,Fear,') + ROW, "expected one column 'Fear', found 2"),
        (
            HEADER + ROW.replace('\n', ',1\n'),
            'line 2: expected 11 cells as in the header, found 11 and 1 more',
        ),
    ],
)
def test_errors_name_the_place(write, text, message):
    with pytest.raises(InputError, match='train.csv') as error:
        read_annotations(write(text))
    assert message in str(error.value)


@pytest.mark.parametrize(
    'name',
    [
        '../secret.mp4',
        'a/../../b.mp4',
        '/etc/passwd',
        '..',
        '~/x.mp4',
        'C:\\x.mp4',
        '..\\x.mp4',
        '\\\\host\\x.mp4',
        '',
    ],
)
def test_names_cannot_leave_the_folder(write, name):
    with pytest.raises(InputError, match='line 2: expected a video name'):
        read_annotations(write(HEADER + ROW.replace('80sTOYS105_2.mp4', name)))


def test_two_dots_within_a_name_are_a_name(write):
    row = ROW.replace('80sTOYS105_2.mp4', 'what..now.mp4')
    assert read_annotations(write(HEADER + row))[0].video == 'what..now.mp4'


class TestReadingOnce:
    """Whoever reads a file that was read before gets the same rows, unless anything changed."""

    TEXT = 'video,calm,loud\na.mp4,1,0\nb.mp4,0,1\n'

    def read(self, path, classes=('calm',), **arguments):
        return read_annotations(path, classes, **arguments)

    def test_the_rows_are_parsed_once(self, write):
        path = write(self.TEXT)
        first, second = self.read(path), self.read(path)
        assert all(map(operator.is_, first, second))
        second.clear()  # a list of its own
        assert len(self.read(path)) == 2

    def test_a_changed_file_of_the_same_size_and_time(self, write):
        path = write(self.TEXT)
        assert self.read(path)[0].video == 'a.mp4'
        stat = os.stat(path)
        write(self.TEXT.replace('a.mp4', 'c.mp4'))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert self.read(path)[0].video == 'c.mp4'

    def test_other_arguments(self, write):
        path = write(self.TEXT.replace('loud', 'group').replace('1,0', '1,0.5'))
        columns = dict(groups=['group'])
        assert [row.groups for row in self.read(path)] == [(), ()]
        assert self.read(path, columns=columns)[0].groups == (('group', '0.5'),)
        columns['groups'].clear()
        assert self.read(path, columns=columns)[0].groups == ()
        assert self.read(path, ('calm', 'group'), soft=True)[0].label == (1, 0.5)
        with pytest.raises(InputError, match="found '0.5'"):
            self.read(path, ('calm', 'group'))

    def test_rows_that_were_left_out_are_an_error_for_others(self, write):
        path, errors = write(self.TEXT + 'a.mp4,0,0\n'), []
        assert len(self.read(path, errors=errors)) == 2
        with pytest.raises(InputError, match='line 4'):
            self.read(path)

    def test_few_files_are_kept(self, tmp_path):
        paths = [str(tmp_path / f'{k}.csv') for k in range(50)]
        for path in paths:
            with open(path, 'w', encoding='utf-8') as file:
                file.write(self.TEXT)
        first = {path: self.read(path)[0] for path in paths}
        assert sum(self.read(path)[0] is first[path] for path in reversed(paths)) < 10

    def test_no_rows_are_kept_beside_a_data_set(self, tiny):
        path = str(tiny.root / 'val.csv')
        before = read_annotations(path)
        assert read_annotations(path)[0] is before[0]
        dataset(tiny.root, 'val').full_init()
        after = read_annotations(path)
        assert after == before
        assert after[0] is not before[0]


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such annotation file'):
        read_annotations(str(tmp_path / 'val.csv'))


def test_where_a_relative_path_leads_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        read_annotations('data/val.csv')
    assert str(error.value).startswith(
        f'data/val.csv: no such annotation file ({os.path.join(os.getcwd(), "data/val.csv")})'
    )


def test_not_a_text_file(write, tmp_path):
    path = tmp_path / 'x.csv'
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match='x.csv: expected a CSV file'):
        read_annotations(str(path))


class TestGroups:
    TEXT = 'video,calm,child,series\nS1_1.mp4,1,Ann,S\nx/TU12_3.mp4,0,Bob,TU\n'
    BY_NAME = r'(?P<series>[A-Z]+)[0-9]+_[0-9]+'

    def groups(self, path, **arguments):
        return [dict(row.groups) for row in read_annotations(path, ('calm',), **arguments)]

    def test_from_columns(self, write):
        path = write(self.TEXT)
        assert self.groups(path) == [{}, {}]
        assert self.groups(path, columns=dict(groups='child')) == [
            dict(child='Ann'),
            dict(child='Bob'),
        ]
        assert self.groups(path, columns=dict(groups=['series', 'child'])) == [
            dict(series='S', child='Ann'),
            dict(series='TU', child='Bob'),
        ]

    def test_from_names(self, write):
        path = write(self.TEXT)
        assert self.groups(path, group_names=self.BY_NAME) == [dict(series='S'), dict(series='TU')]
        both = self.groups(path, columns=dict(groups='child'), group_names=self.BY_NAME)
        assert both == [dict(child='Ann', series='S'), dict(child='Bob', series='TU')]

    def test_a_name_of_another_form_gives_no_groups_and_a_warning(self, write, monkeypatch):
        said = []
        monkeypatch.setattr(groups, 'print_log', lambda text, *_: said.append(text))
        path = write(self.TEXT + 'P03_001_2.mp4,1,Cid,P\n')
        assert self.groups(path, group_names=self.BY_NAME) == [{}, {}, {}]
        assert '1 of 3 clips' in said[0] and "'P03_001_2'" in said[0] and path in said[0]

    @pytest.mark.parametrize(
        'text, arguments, expected',
        [
            (TEXT + 'a.mp4,1,,S\n', dict(columns=dict(groups='child')), "line 4, column 'child'"),
            (TEXT, dict(columns=dict(groups=['child', 'age'])), "expected a column 'age'"),
            (TEXT, dict(group_names='[A-Z'), 'group_names: expected a regular expression'),
            (TEXT, dict(group_names='[A-Z]+'), 'group_names: expected named groups'),
            (TEXT, dict(group_names=3), 'group_names: expected a regular expression'),
        ],
    )
    def test_what_is_wrong_is_said(self, write, text, arguments, expected):
        with pytest.raises(InputError, match=expected):
            self.groups(write(text), **arguments)
