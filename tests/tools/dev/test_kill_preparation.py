import subprocess
import sys

import pytest

from tests.factories import ROOT

pytestmark = pytest.mark.slow


def test_killed_and_simultaneous_runs_give_the_files_of_an_undisturbed_one():
    command = [sys.executable, str(ROOT / 'tools' / 'dev' / 'kill_preparation.py'), '--tries', '1']
    command += ['--kinds', 'frames', 'masked frames', 'crops']
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line.split() for line in run.stdout.splitlines() if line.strip()]
    assert len(rows) == 1 + 3 * 4
