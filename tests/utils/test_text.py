import os

import pytest

from emoreact_plugin.utils.text import first_few, printable, to_number


@pytest.mark.parametrize(
    'text, expected',
    [
        ('plain, ä 中 😀.mp4', 'plain, ä 中 😀.mp4'),
        ('two\nlines\t', 'two\nlines\t'),
        ('\x1b[31mred\x07\r', '\\x1b[31mred\\x07\\r'),
        (os.fsdecode(b'caf\xe9.mp4'), 'caf\\udce9.mp4'),
        ('gpj.\u202eexe', 'gpj.\\u202eexe'),
        ('\x9b31m', '\\x9b31m'),
    ],
)
def test_what_a_console_would_obey_is_escaped(text, expected):
    assert printable(text) == expected
    printable(text).encode()  # whatever the name was


def test_line_ends_can_be_escaped_too():
    assert printable('a\nb', keep='') == 'a\\nb'


@pytest.mark.parametrize('text', ['1_0', '\u0661', '', 'x', '0x1', '1,5'])
def test_numbers_are_those_of_data_files(text):
    assert to_number(' -1.5e2 ') == -150
    with pytest.raises(ValueError):
        to_number(text)


@pytest.mark.parametrize(
    'names, expected', [('abcde', 'a, b, c, d, e'), ('abcdef', 'a, b, c, d, e, …')]
)
def test_the_first_few_names(names, expected):
    assert first_few(list(names)) == expected
