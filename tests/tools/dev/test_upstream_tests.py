"""The comparison itself, on tests that behave in a known way without and with the package."""

import subprocess
import sys

import pytest

from tests.factories import ROOT

pytestmark = pytest.mark.slow

TESTS = """
import sys
import time

import pytest

OURS = 'emoreact_plugin' in sys.modules


def test_passes(): pass
def test_fails(): assert False
def test_fails_with(): assert not OURS
def test_fails_without(): assert OURS
def test_takes_long(): time.sleep(30)
def test_is_skipped(): pytest.skip('x')
"""
BROKEN = 'import no_such_module_1\n'
NEEDS_DRN = 'from mmaction.models import DRN\ndef test_it(): pass\n'


def run(checkout):
    tool = ROOT / 'tools' / 'dev' / 'upstream_tests.py'
    done = subprocess.run(
        [sys.executable, str(tool), str(checkout), '--seconds', '3'],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_each_test_is_counted_once(tmp_path):
    folder = tmp_path / 'tests' / 'some'
    folder.mkdir(parents=True)
    for name, text in dict(a=TESTS, b=BROKEN, c=NEEDS_DRN).items():
        (folder / f'test_{name}.py').write_text(text)
    # what a checkout has is not what is tested
    (tmp_path / 'mmaction').mkdir()
    (tmp_path / 'mmaction' / '__init__.py').write_text('1 / 0')
    code, out, errors = run(tmp_path)
    assert code == 1, errors
    lines = out.splitlines()
    assert lines[0].startswith('2 files cannot be imported')
    assert '| some | 2 | 2 | 1 | 1 | 1 | 1 |' in lines
    assert out.endswith(
        'failed only without:\n  tests/some/test_a.py::test_fails_without\n\n'
        'failed only with:\n  tests/some/test_a.py::test_fails_with\n\n'
        'not compared:\n  tests/some/test_a.py::test_takes_long\n'
    )
