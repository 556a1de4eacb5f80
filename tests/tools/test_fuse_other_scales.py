"""Runs on other scales, such as those of other programs, are fused."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emoreact_plugin.evaluation import Dump, read_dump, write_dump
from tests.factories import call_tool
from tests.tools.test_fuse_scores import row, write_runs

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, code=0):
    """Run the tool in this process; what it prints, or its error."""
    found, out, errors = call_tool('fuse_scores', *arguments)
    assert found == code, errors
    return errors if code else out


def dumps(folder, factor):
    """Return the arguments of the two runs of a split."""
    paths = write_runs(folder, factor)
    return [(f'--{split}', paths[f'a_{split}'], paths[f'b_{split}']) for split in ('val', 'test')]


def test_other_scales_are_said_and_standardized(tmp_path):
    """Run b, which is wrong, decides the mean where its logits are larger."""
    val, test = dumps(tmp_path, 10)
    text = run(*test)
    assert 'WARNING: test: the logits of b vary 10.0 times as much as those of a' in text
    assert row(text, 'macro') == [['1.000', '0.000', '0.000']]
    out, written = tmp_path / 'out.npz', tmp_path / 'out.json'
    text = run(
        *val,
        *test,
        '--weights',
        3,
        1,
        '--standardize',
        '--out',
        out,
        '--json',
        written,
    )
    assert 'WARNING: test: the logits' not in text
    assert 'on val: a 0.909, b 0.0909' in text
    assert row(text, 'macro')[1][3] == '1.000'  # weighted
    # 3 a - 1 b, of equal scales: 3 * 10 / 31 of a, and 1 / 31 of b, which is -10 a
    np.testing.assert_allclose(
        read_dump(out).scores, read_dump(test[1]).scores * 20 / 31, rtol=1e-5
    )
    assert json.loads(written.read_text())['standardized'] == pytest.approx(
        dict(a=10 / 11, b=1 / 11)
    )


def test_a_collapsed_run_is_named(tmp_path):
    _, test = dumps(tmp_path, 0)
    text = run(*test)
    assert 'WARNING: b: all 4 clips of test score alike in all 2 labels' in text
    assert 'Labels that all clips score alike' in text
    assert 'b: expected logits that vary' in run(*test, '--standardize', code=1)


def test_the_example_of_another_program(tmp_path, monkeypatch):
    """What docs/training.md quotes: an audio model's CSV becomes dumps that can be fused."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    scores, arguments = {}, []
    for split in ('val', 'test'):
        ids = [f'{split}{i}' for i in range(6)]
        labels = np.array([[1, 0]] * 3 + [[0, 1]] * 3)
        dump = Dump(ids, ('Joy', 'Fear'), labels, rng.normal(size=(6, 2)), split=split, run='video')
        write_dump(f'work_dirs/fusion/{split}.npz', dump)
        scores[split] = rng.uniform(0.1, 0.9, (6, 2))
        rows = [f'{i}.mp4,{x[1]},{x[0]}' for i, x in zip(ids, scores[split], strict=True)]
        Path(f'audio_{split}.csv').write_text('\n'.join(['video,Fear,Joy', *rows[::-1]]))
        arguments += [f'--{split}', f'work_dirs/fusion/{split}.npz', f'audio_{split}.npz']
    runpy.run_path(str(ROOT / 'docs/examples/fuse_audio.py'))
    np.testing.assert_allclose(read_dump('audio_val.npz').scores, scores['val'], rtol=1e-6)
    text = run(*arguments, '--names', 'video', 'audio', '--standardize')
    expected = roc_auc_score(labels, scores['test'], average='macro')
    assert row(text, 'macro')[1][1] == f'{expected:.3f}'
