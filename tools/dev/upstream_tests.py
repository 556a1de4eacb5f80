"""Run MMAction2's own tests without and with emoreact_plugin, and compare them one by one.

CHECKOUT is a clone of MMAction2 at the version that is installed (git checkout v1.2.0). Its tests
run on the installed packages, in two processes:

- without: emoreact_plugin is not imported. `DRN`, which the wheel lacks, is replaced by an empty
  class, because almost no test could be imported otherwise; how many is printed first;
- with: emoreact_plugin is imported before the tests.

Tests that fail in both are no concern here: they need data, weights or packages that are missing,
or older versions of NumPy and PyTorch. A test that takes longer than --seconds is not compared. The
exit status is 1 if a test fails only with emoreact_plugin.
"""

import argparse
import importlib
import json
import os
import os.path as osp
import signal
import subprocess
import sys
import tempfile
import types
from collections import Counter

MODE, REPORT, SECONDS = 'UPSTREAM_MODE', 'UPSTREAM_REPORT', 'UPSTREAM_SECONDS'
KINDS = {
    ('passed', 'passed'): 'passed in both',
    ('failed', 'failed'): 'failed in both',
    ('failed', 'passed'): 'failed only without',
    ('passed', 'failed'): 'failed only with',
    ('skipped', 'skipped'): 'skipped in both',
}
COLUMNS = [*KINDS.values(), 'not compared']


# -- the plugin of pytest: this file again, in the processes that run the tests ----------------


class TookTooLongError(Exception):
    """Stop a test."""


def pytest_configure(config):
    mode = os.environ[MODE]
    if mode == 'with':
        __import__('emoreact_plugin')
    elif mode == 'without':
        for name in ('mmaction.models.localizers.drn', 'mmaction.models.localizers.drn.drn'):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].DRN = type('DRN', (), {})
    if mode != 'alone':
        # Many tests look for the configs beside the package, that is, in the checkout.
        testing = importlib.import_module('mmaction.testing._utils')
        testing.__file__ = osp.abspath('mmaction/testing/_utils.py')

    def stop(*_):
        raise TookTooLongError

    signal.signal(signal.SIGALRM, stop)


def pytest_runtest_logstart(nodeid, location):
    signal.alarm(int(os.environ[SECONDS]))


def pytest_runtest_logfinish(nodeid, location):
    signal.alarm(0)


def pytest_runtest_logreport(report):
    if report.when == 'call' or not report.passed:
        write(report)


def pytest_collectreport(report):
    if report.failed:
        write(report)


def write(report):
    outcome = 'stopped' if 'TookTooLongError' in str(report.longrepr) else report.outcome
    with open(os.environ[REPORT], 'a') as file:
        file.write(json.dumps([report.nodeid, outcome]) + '\n')


# -- the command -------------------------------------------------------------------------------


def run(mode, folder, paths, seconds, *options):
    """Run the tests in one way; return test -> outcome."""
    report = osp.join(folder, f'{mode}.jsonl')
    environment = {**os.environ, MODE: mode, REPORT: report, SECONDS: str(seconds)}
    here = osp.dirname(osp.abspath(__file__))
    environment['PYTHONPATH'] = os.pathsep.join([here, os.environ.get('PYTHONPATH', '')])
    command = [sys.executable, '-m', 'pytest', '-q', '--import-mode=importlib']
    command += ['-p', 'upstream_tests', '-p', 'no:cacheprovider']
    command += ['--continue-on-collection-errors', *options, *paths]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if not osp.exists(report):
        if 'collected' not in done.stdout and done.returncode not in (0, 5):
            raise SystemExit(done.stdout + done.stderr)
        return {}
    outcomes = {}
    with open(report) as file:
        for name, outcome in map(json.loads, file):
            # a test that passes can still fail when it cleans up
            if outcomes.get(name) != 'failed':
                outcomes[name] = outcome
    return outcomes


def compare(without, with_us):
    """Return kind -> names of tests."""
    found = {kind: [] for kind in COLUMNS}
    for name in sorted(without.keys() | with_us.keys()):
        pair = (without.get(name), with_us.get(name))
        found[KINDS.get(pair, 'not compared')].append(name)
    return found


def table(found):
    """Return the numbers of each folder of tests as a table in Markdown."""
    counts = {kind: Counter(name.split('/')[1] for name in found[kind]) for kind in COLUMNS}
    folders = sorted(set().union(*counts.values()))
    lines = [['tests', *COLUMNS], ['---'] * (len(COLUMNS) + 1)]
    lines += [[f, *(str(counts[kind][f]) for kind in COLUMNS)] for f in folders]
    lines += [['all', *(str(len(found[kind])) for kind in COLUMNS)]]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkout', help="a clone of MMAction2's repository")
    parser.add_argument(
        'paths', nargs='*', default=['tests'], help='tests to run. Default: tests, that is, all'
    )
    parser.add_argument('--seconds', type=int, default=60, help='limit of a test. Default: 60')
    return parser.parse_args()


def main():
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Without its folder mmaction, which would be imported instead of the installed one.
        for name in os.listdir(args.checkout):
            if name != 'mmaction':
                os.symlink(osp.abspath(osp.join(args.checkout, name)), osp.join(folder, name))
        alone = run('alone', folder, args.paths, args.seconds, '--collect-only')
        print(f'{len(alone)} files cannot be imported without a replacement of DRN', flush=True)
        found = compare(
            run('without', folder, args.paths, args.seconds),
            run('with', folder, args.paths, args.seconds),
        )
    print(table(found))
    for kind in ('failed only without', 'failed only with', 'not compared'):
        if found[kind]:
            print(f'\n{kind}:\n  ' + '\n  '.join(found[kind]))
    sys.exit(1 if found['failed only with'] else 0)


if __name__ == '__main__':
    main()
