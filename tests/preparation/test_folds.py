import csv

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.datasets import read_annotations
from emoreact_plugin.preparation.folds import deal_groups, folds_table, make_folds, write_folds

CLASSES = ('calm', 'angry', 'rare')
BY_NAME = r'(?P<child>(?P<series>[A-Z]+)[0-9]+)_[0-9]+'


def make_labels(seed=0, groups=40):
    """Clips of groups of 1 to 20; every third group never shows the second label."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f'g{k}' for k in range(groups)], rng.integers(1, 21, groups))
    likes = {name: rng.random(3) * (1, k % 3 > 0, 0.2) for k, name in enumerate(sorted({*names}))}
    labels = rng.random((len(names), 3)) < [likes[name] for name in names]
    return labels.astype(int), names.tolist()


class TestDealGroups:
    @pytest.mark.parametrize('count', [3, 5])
    def test_no_group_is_in_two_folds_and_all_are_even(self, count):
        labels, groups = make_labels()
        folds = deal_groups(labels, groups, count)
        for name in set(groups):
            assert len({fold for fold, g in zip(folds, groups, strict=True) if g == name}) == 1
        clips = np.bincount(folds, minlength=count)
        assert clips.max() - clips.min() <= 0.15 * len(groups) / count
        for k in range(3):
            positives = np.bincount(folds, labels[:, k], minlength=count)
            # far more even than by chance
            rng = np.random.default_rng(1)
            chance = []
            for _ in range(50):
                fold_of = dict(zip(sorted(set(groups)), rng.integers(0, count, 40), strict=True))
                dealt = np.array([fold_of[g] for g in groups])
                chance.append(np.ptp(np.bincount(dealt, labels[:, k], minlength=count)))
            assert np.ptp(positives) < 0.5 * np.mean(chance)

    def test_equal_arguments_give_equal_folds(self):
        labels, groups = make_labels()
        first = deal_groups(labels, groups, 4, seed=1)
        np.testing.assert_array_equal(first, deal_groups(labels, groups, 4, seed=1))

    def test_as_many_groups_as_folds(self):
        folds = deal_groups(np.ones((6, 1), int), list('aabbcc'), 3)
        assert sorted(set(folds)) == [0, 1, 2]

    @pytest.mark.parametrize('count', [2, 4])
    def test_too_few_groups_or_folds(self, count):
        with pytest.raises(InputError, match=rf'folds: .* groups \(3\), found {count}'):
            deal_groups(np.ones((6, 1), int), list('aabbcc'), count)


@pytest.fixture
def files(tmp_path):
    paths = []
    for split, series in dict(train='AB', test='CDE').items():
        path = tmp_path / f'{split}.csv'
        lines = [',video,calm,angry,rare,note']
        for name in series:
            lines += [f'{k},{name}{k}_{t}.mp4,1,{t - 1},0,"a, b"' for k in (1, 2) for t in (1, 2)]
        path.write_text('\n'.join(lines) + '\n')
        paths.append(str(path))
    return paths


def folds_of(files, **options):
    rows = [read_annotations(path, CLASSES, group_names=BY_NAME) for path in files]
    return make_folds(files, rows, CLASSES, 3, **options)


def test_every_clip_is_tested_once_and_its_group_is_nowhere_else(files, tmp_path):
    folds = folds_of(files)
    assert folds.kind == 'series' and len(folds.rows) == 20
    paths = write_folds(folds, str(tmp_path / 'out'))
    tested = []
    for path in paths:
        series = {}
        for split in ('train', 'val', 'test'):
            rows = read_annotations(f'{path}/{split}.csv', CLASSES)
            series[split] = {row.video[0] for row in rows}
            tested += [row.video for row in rows if split == 'test']
        assert sum(map(len, series.values())) == len(set().union(*series.values())) == 5
    with open(files[0]) as first, open(files[1]) as second:
        videos = [row['video'] for file in (first, second) for row in csv.DictReader(file)]
    assert sorted(tested) == sorted(videos)
    # rows are as they were
    with open(f'{paths[0]}/test.csv', newline='') as file:
        assert {row['note'] for row in csv.DictReader(file)} == {'a, b'}
    assert len(folds_table(folds).splitlines()) == 4


def test_folds_of_another_division_are_refused(files, tmp_path):
    write_folds(folds_of(files), str(tmp_path))
    write_folds(folds_of(files), str(tmp_path))  # the same again
    (tmp_path / 'fold3').mkdir()
    with pytest.raises(InputError, match=r'folds of another division, found .*fold3'):
        write_folds(folds_of(files), str(tmp_path))


def test_another_kind_is_kept_together(files):
    folds = folds_of(files, kind='child')
    assert folds.kind == 'child' and len(set(folds.groups)) == 10


def test_what_is_wrong_is_said(files, tmp_path):
    with pytest.raises(InputError, match=r'expected groups of the clips \(age\), found child, ser'):
        folds_of(files, kind='age')
    with pytest.raises(InputError, match='A1_1: expected once, found in 2'):
        folds_of([files[0], files[0]])
    other = tmp_path / 'other.csv'
    other.write_text('video,calm,angry,rare\nX1_1.mp4,0,0,0\n')
    with pytest.raises(InputError, match='other.csv: expected the header of'):
        folds_of([files[0], str(other)])
    rows = [read_annotations(path, CLASSES) for path in files]
    with pytest.raises(InputError, match='found none; name a column with --groups'):
        make_folds(files, rows, CLASSES, 3)
