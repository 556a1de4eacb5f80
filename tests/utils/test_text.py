import os

import pytest

from emoreact_plugin.utils.text import printable


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
