import csv
import io
import math

import numpy as np

from emoreact_plugin.utils.tables import (
    csv_text,
    markdown_table,
    report_csv,
    score_cell,
    text_table,
)


def test_scores():
    assert [score_cell(each) for each in (0.12345, 1, np.float32(0.5), None, math.nan)] == [
        '0.123',
        '1.000',
        '0.500',
        '-',
        '-',
    ]


def test_plain_text():
    rows = [('', 'a', 'longer'), ('name', '1', ''), ('b', '100', '2')]
    assert text_table(rows) == '        a  longer\nname    1\nb     100       2'
    assert text_table(rows, right=False) == '      a    longer\nname  1\nb     100  2'


def test_markdown():
    assert markdown_table(('a', 'b'), [('1', ''), ('2', '3')]) == (
        '| a | b |\n|---|---|\n| 1 |  |\n| 2 | 3 |'
    )


def test_csv_reads_back():
    text = csv_text(['a', 'b'], [(1, None), ('x, "y"', 'two\nlines')])
    assert '\r' not in text and text.endswith('\n')
    assert list(csv.reader(text.splitlines(keepends=True))) == [
        ['a', 'b'],
        ['1', ''],
        ['x, "y"', 'two\nlines'],
    ]


def test_no_cell_of_a_report_is_a_formula():
    cells = [
        '=1+1',
        '+A1',
        '-A1',
        '@SUM(A1)',
        ' =1',
        '\t=1',
        '＝1',
        'a=1',
        '-0.5',
        '-',
        -0.5,
        None,
        '\x1b[',
    ]
    text = report_csv(['=x', 'b'], [[cell, 1] for cell in cells])
    found = [row[0] for row in csv.reader(io.StringIO(text))]
    assert found == [
        *("'=x", "'=1+1", "'+A1", "'-A1", "'@SUM(A1)", "' =1", '\\t=1', "'＝1", 'a=1'),
        *('-0.5', '-', '-0.5', '', '\\x1b['),
    ]
    # files that a program reads keep their names
    assert csv_text(['a'], [['=1']]) == 'a\n=1\n'
