import subprocess
import sys

import pytest

from tests.factories import ROOT


@pytest.mark.slow
def test_killed_trainings_end_as_if_they_had_not_been(tmp_path):
    command = [sys.executable, ROOT / 'tools' / 'dev' / 'kill_and_resume.py']
    flags = ['--random', '3', '--aimed', '9', '--seed', '1', '--keep', tmp_path]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    total = done.stdout.splitlines()[-1].split('|')
    assert total[1].strip() == 'all' and total[2].strip() == total[4].strip() == '12'
