import itertools
import re

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Dump, write_dump
from emoreact_plugin.evaluation.fuse import (
    candidate_weights,
    check_splits,
    choose_weights,
    fuse_dumps,
    fuse_logits,
    normalize_weights,
    read_runs,
)
from emoreact_plugin.models import ScoreFusion


def make_logits(runs=2, clips=30, seed=0):
    """Logits (S, N, 3) that know something of the labels (N, 3)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((clips, 3)) < 0.4).astype(int)
    labels[0], labels[1] = 0, 1
    return rng.normal(size=(runs, clips, 3)) + labels, labels


class TestWeights:
    def test_normalized(self):
        assert normalize_weights([1, 3], 2).tolist() == [0.25, 0.75]
        assert normalize_weights([0, 2], 2).tolist() == [0, 1]

    @pytest.mark.parametrize(
        'weights, message',
        [
            ([1], 'expected 2, one a run, found 1'),
            ([[1, 1]], 'expected 2, one a run, found 2'),
            ([1, -1], r'not negative.*found \[1.0, -1.0\]'),
            ([0, 0], 'not all 0'),
            ([1, np.nan], 'finite'),
            ([1, np.inf], 'finite'),
        ],
    )
    def test_refused(self, weights, message):
        with pytest.raises(InputError, match='weights: .*' + message):
            normalize_weights(weights, 2)

    @pytest.mark.parametrize('runs, step', [(2, 0.05), (3, 0.1), (4, 0.25)])
    def test_candidates_are_the_whole_grid(self, runs, step):
        steps = round(1 / step)
        grid = {
            each for each in itertools.product(range(steps + 1), repeat=runs) if sum(each) == steps
        }
        found = candidate_weights(runs, step)
        assert found[0].tolist() == [1 / runs] * runs
        assert len(found) == 1 + len(grid)
        assert {tuple(np.rint(w * steps).astype(int)) for w in found[1:]} == grid
        np.testing.assert_allclose(found.sum(1), 1)
        distance = np.linalg.norm(found - 1 / runs, axis=1)
        assert (np.diff(distance) > -1e-6).all()

    def test_one_run(self):
        assert candidate_weights(1, 0.5).tolist() == [[1], [1]]

    @pytest.mark.parametrize('step', (0, -0.1, 0.3, 2, np.nan))
    def test_steps_that_miss_1(self, step):
        with pytest.raises(InputError, match='step: expected a whole part'):
            candidate_weights(2, step)

    def test_too_many(self):
        with pytest.raises(InputError, match='20000.*found 53130 .*6 runs.*0.05'):
            candidate_weights(6, 0.05)


class TestFuseLogits:
    def test_by_hand(self):
        runs = [[[1.0, 2], [3, 4]], [[5, 0], [-1, 8]]]
        assert fuse_logits(runs).tolist() == [[3, 1], [1, 6]]
        assert fuse_logits(runs, [1, 3]).tolist() == [[4, 0.5], [0, 7]]
        assert fuse_logits(runs, [1, 0]).tolist() == runs[0]
        # float32 has no number between 5e7 and 5e7 + 4
        assert fuse_logits([[[1e8 + 2], [1e8]], [[0], [0]]]).tolist() == [[5e7 + 1], [5e7]]

    @pytest.mark.parametrize('runs', (2, 3))
    def test_as_score_fusion(self, runs):
        logits, _ = make_logits(runs)
        names = 'abc'[:runs]
        streams = {
            name: torch.tensor(x, dtype=torch.float32)
            for name, x in zip(names, logits, strict=True)
        }
        mean = ScoreFusion(mode='mean')(streams).numpy()
        np.testing.assert_allclose(fuse_logits(logits), mean, atol=1e-6)
        weights = dict(zip(names, (0.2, 0.7, 0.4)[:runs], strict=True))
        weighted = ScoreFusion('weighted', tuple(names), weights)(streams)
        np.testing.assert_allclose(
            fuse_logits(logits, list(weights.values())), weighted.numpy(), atol=1e-6
        )

    def test_not_finite(self):
        with pytest.raises(InputError, match='run 1, row 0, class 1: .*found inf'):
            fuse_logits([[[1.0, 2]], [[1, np.inf]]])

    @pytest.mark.parametrize(
        'logits, message',
        [
            ([], 'one or more runs, .*found none'),
            ([np.ones((2, 3)), np.ones((2, 4))], r'found \(2, 3\) and \(2, 4\)'),
        ],
    )
    def test_runs_of_one_shape(self, logits, message):
        with pytest.raises(InputError, match='logits: .*' + message):
            fuse_logits(logits)
        with pytest.raises(InputError, match='logits: .*' + message):
            choose_weights(logits, np.eye(2, 3))


class TestChooseWeights:
    @pytest.mark.parametrize('average', ('micro', 'macro'))
    @pytest.mark.parametrize('good', (0, 1))
    def test_noise_gets_little(self, average, good):
        rng = np.random.default_rng(3)
        labels = rng.integers(0, 2, (200, 2))
        runs = 10 * rng.normal(size=(2, 200, 2))  # as large, it does no harm
        runs[good] = 4 * labels - 2 + 0.1 * rng.normal(size=(200, 2))
        weights = choose_weights(runs, labels, average)
        assert weights[good] > 0.75
        assert roc_auc_score(labels, fuse_logits(runs), average=average) < 0.8
        assert roc_auc_score(labels, fuse_logits(runs, weights), average=average) > 0.99

    def test_known_best(self):
        """Rank one positive clip of a class above two negative ones.

        The differences to these are given as logits of run 0 and run 1.
        """
        labels = np.array([[1], [0], [0]])

        def runs(*differences):
            x = -np.array([(0, 0), *differences], dtype=float)
            return x.T[:, :, None]

        # Weight w of run 0: above the first where 2 (1 - w) > w, w < 2/3,
        # above the second where 3 w > 1 - w, w > 1/4.
        both = runs((-1, 2), (3, -1))
        assert choose_weights(both, labels, step=0.1).tolist() == [0.5, 0.5]
        # 5 w > 1 - w, w > 1/6, and 1 - w > w, w < 1/2: of 0.2, 0.3 and 0.4
        # the one nearest to equal weights.
        both = runs((5, -1), (-1, 1))
        assert choose_weights(both, labels, step=0.1).tolist() == [0.4, 0.6]
        assert choose_weights(both[::-1], labels, step=0.1).tolist() == [0.6, 0.4]

    def test_three_runs_of_which_one_is_right(self):
        logits, labels = make_logits(3, 60, seed=5)
        logits[:2] = -logits[:2] * 5
        logits[2] = labels
        assert choose_weights(logits, labels)[2] > 0.8

    @pytest.mark.parametrize('average', ('micro', 'macro'))
    def test_best_of_the_grid_by_scikit_learn(self, average):
        logits, labels = make_logits(2, 25, seed=2)
        weights = choose_weights(logits, labels, average, step=0.1)

        def value(w):
            fused = w * logits[0] + (1 - w) * logits[1]
            return roc_auc_score(labels, fused, average=average)

        best = max(value(k / 10) for k in range(11))
        assert value(weights[0]) == pytest.approx(best, abs=1e-12)

    def test_pairs_of_one_group_can_choose(self):
        # The first run tells the groups apart, the second the clips of a group.
        rng = np.random.default_rng(0)
        groups = np.repeat(np.arange(8), 25)
        labels = (rng.random((200, 2)) < np.where(groups < 4, 0.2, 0.8)[:, None]).astype(int)
        tells = np.where(groups < 4, -3.0, 3)[:, None] + rng.normal(size=(200, 2))
        runs = [tells, labels + rng.normal(size=(200, 2))]
        assert choose_weights(runs, labels, 'micro')[1] < 0.9
        assert choose_weights(runs, labels, 'within', groups=groups)[1] > 0.9
        with pytest.raises(InputError, match='average within: expected the groups'):
            choose_weights(runs, labels, 'within')

    def test_the_averages_can_disagree(self):
        """Choose weights of two runs that micro and macro judge differently.

        Run 0 ranks the clips of a class right and the classes wrong, run 1 the other way round.
        With weight w of run 0, a class is right if w > 1/2, and its clips tie at 1/2; the classes
        are right if w < 6/11. Micro loses more by wrong classes.
        """
        labels = np.array([[1, 0]] * 5 + [[0, 0]] + [[1, 1]])
        within = np.where(labels, 0.1, -0.1)
        runs = [within + [0, 5], -within + [3, -3]]
        assert choose_weights(runs, labels, 'micro').tolist() == [0.5, 0.5]
        assert choose_weights(runs, labels, 'macro').tolist() == [0.55, 0.45]

    def test_equal_runs(self):
        logits, labels = make_logits(1)
        assert choose_weights([logits[0]] * 3, labels).tolist() == [1 / 3] * 3

    def test_undefined(self):
        logits, labels = make_logits()
        with pytest.raises(InputError, match='micro is undefined'):
            choose_weights(logits, labels * 0)
        labels[:] = [1, 0, 0]
        choose_weights(logits, labels)
        with pytest.raises(InputError, match='macro is undefined'):
            choose_weights(logits, labels, 'macro')

    def test_average(self):
        with pytest.raises(InputError, match="average: .*found 'max'"):
            choose_weights(*make_logits(), average='max')


CLASSES = ('Joy', 'Fear', 'Calm')


def make_dump(which=0, split='test', clips=6, **changes):
    logits, labels = make_logits(2, clips)
    content = dict(
        video_ids=tuple(f'{split}{i}' for i in range(clips)),
        classes=CLASSES,
        labels=labels,
        scores=logits[which],
        split=split,
        run='ab'[which],
    )
    return Dump(**{**content, **changes})


@pytest.fixture
def files(tmp_path):

    def write(*dumps):
        return [str(write_dump(tmp_path / f'{i}.npz', dump)) for i, dump in enumerate(dumps)]

    return write


class TestReadRuns:
    def test_joined_by_video_id(self, files):
        first, second = make_dump(0), make_dump(1)
        order = [3, 0, 5, 1, 2, 4]
        mixed = make_dump(
            1,
            video_ids=tuple(second.video_ids[i] for i in order),
            labels=second.labels[order],
            scores=second.scores[order],
            stream_logits=dict(face=second.scores[order]),
            found=dict(face=np.array(order) / 5),
            groups=dict(child=tuple(f'child {i}' for i in order)),
        )
        a, b = read_runs(files(first, mixed))
        assert a.video_ids == b.video_ids == first.video_ids
        for each in (b.scores, b.stream_logits['face']):
            np.testing.assert_allclose(each, second.scores, rtol=1e-6)
        np.testing.assert_allclose(b.found['face'], np.arange(6) / 5)
        np.testing.assert_array_equal(b.labels, first.labels)
        assert b.groups == dict(child=tuple(f'child {i}' for i in range(6)))
        assert fuse_dumps(dict(b=b, a=a)).groups == b.groups

    def test_probabilities_become_logits(self, files):
        odds = np.full((6, 3), 0.75)
        joined = read_runs(files(make_dump(), make_dump(scores=odds, scale='probabilities')))
        assert joined[1].scale == 'logits'
        np.testing.assert_allclose(joined[1].scores, np.log(3), rtol=1e-6)

    other = np.array(make_dump().labels)
    other[2, 1] = 1 - other[2, 1]

    @pytest.mark.parametrize(
        'changes, message',
        [
            (
                dict(classes=('Joy', 'Calm', 'Fear')),
                'expected the classes of .*/0.npz, Joy, Fear, Calm, found Joy, Calm, Fear',
            ),
            (
                dict(video_ids=('test0', 'x', 'test2', 'y', 'test4', 'test5')),
                r'expected the clips of .*/0.npz, found 2 more \(x, y\) and 2 '
                r'missing \(test1, test3\)',
            ),
            (
                dict(labels=other),
                'expected the labels of .*/0.npz, found 1 '
                'others; the first: test2, Fear: expected . found .',
            ),
            (
                dict(scores=np.eye(6)[:, :3], scale='probabilities'),
                r'probabilities, row 0 \(video_id .test0.\), class 0 \(Joy\): '
                'expected above 0 and below 1',
            ),
        ],
    )
    def test_what_does_not_fit(self, files, changes, message):
        message = message.replace(
            'expected . found .', f'expected {1 - self.other[2, 1]}, found {self.other[2, 1]}'
        )
        with pytest.raises(InputError, match='/1.npz: ' + message):
            read_runs(files(make_dump(0), make_dump(1, **changes)))

    def test_fewer_clips(self, files):
        with pytest.raises(
            InputError, match=re.escape('found 4 missing (test2, test3, test4, test5)')
        ):
            read_runs(files(make_dump(0), make_dump(clips=2)))


class TestCheckSplits:
    def check(self, val, test):
        check_splits(
            val, test, [f'v{i}' for i in range(len(val))], [f't{i}' for i in range(len(test))]
        )

    def test_fits(self):
        for split in ('val', ''):
            ids = tuple(f'v{i}' for i in range(6))
            self.check(
                [make_dump(i, split, video_ids=ids) for i in (0, 1)], [make_dump(i) for i in (0, 1)]
            )

    @pytest.mark.parametrize(
        'val, test, message',
        [
            (
                [make_dump(0, 'val')] * 2,
                [make_dump(0)] * 3,
                'same runs in the same order, found 2 and 3 files',
            ),
            (
                [make_dump(0, 'train')] * 2,
                [make_dump(0)] * 2,
                'v0: expected predictions of the val split.*found those of train',
            ),
            (
                [make_dump(0, 'val', video_ids=tuple('abcdef'))] * 2,
                [make_dump(0, video_ids=tuple('xyzafb'))] * 2,
                r'v0 and t0: expected two splits, found 3 clips in both \(a, b, f\)',
            ),
            (
                [make_dump(0, 'val', classes=tuple('abc'))] * 2,
                [make_dump(0)] * 2,
                't0: expected the classes of v0, a, b, c, found Joy, Fear, Calm',
            ),
            (
                [make_dump(0, 'val'), make_dump(1, 'val')],
                [make_dump(1), make_dump(0)],
                'v0 and t0: expected one run.*different checkpoints',
            ),
            (
                [make_dump(0, 'val'), make_dump(0, 'val', run='')],
                [make_dump(0), make_dump(1, stream_logits=dict(face=None))],
                'v1 and t1: expected one run.*different streams',
            ),
        ],
    )
    def test_what_does_not_fit(self, val, test, message):
        with pytest.raises(InputError, match=message):
            self.check(val, test)


def test_fused_dump(files):
    runs = dict(zip(('face', 'body'), read_runs(files(make_dump(0), make_dump(1))), strict=True))
    fused = fuse_dumps(runs, [1, 3])
    a, b = runs['face'].scores, runs['body'].scores
    np.testing.assert_allclose(fused.scores, (a + 3 * b) / 4, rtol=1e-5)
    np.testing.assert_array_equal(fused.stream_logits['body'], b)
    assert fused.split == 'test' and fused.run == '0.25 (a) + 0.75 (b)'
    assert fused.video_ids == make_dump().video_ids
    np.testing.assert_allclose(fuse_dumps(runs).scores, (a + b) / 2, rtol=1e-5, atol=1e-7)
    # it can be written, and be fused again
    mean, again = read_runs(files(fuse_dumps(runs), fused))
    np.testing.assert_array_equal(again.scores, fused.scores)
    assert again.run != mean.run
