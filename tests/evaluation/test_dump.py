import hashlib
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from scipy.special import expit, logit

from emoreact_plugin import InputError
from emoreact_plugin.evaluation import Dump, DumpScores, read_dump, write_dump
from mmaction.structures import ActionDataSample

CLASSES = ('Joy', 'Fear')
LABELS = [[1, 0], [0, 1], [1, 1]]
LOGITS = np.array([[2.0, -1], [0.5, 0], [-3, 40]], dtype=np.float32)
IDS = ('a', 'b', 'c')


def samples(**fields):
    """Of clips a, b, c; fields are lists of one value a clip."""
    made = []
    for i, name in enumerate(IDS):
        sample = ActionDataSample(metainfo=dict(video_id=name))
        sample.set_gt_label(torch.tensor(LABELS[i]).float())
        for key, values in fields.items():
            if key.endswith('_found'):
                sample.set_metainfo({key: values[i]})
            else:
                sample.set_field(values[i], key)
        made.append(sample)
    return made


def dump_then_read(data_samples, path, size=None, **options):
    """Read what an evaluator has written; it adds nothing to the results."""
    evaluator = Evaluator([dict(type='DumpScores', out_file=str(path), **options)])
    evaluator.dataset_meta = dict(classes=CLASSES)
    for sample in data_samples:
        evaluator.process([sample])
    assert evaluator.evaluate(size or len(data_samples)) == {}
    return read_dump(path)


def fused_samples():
    logits = torch.tensor(LOGITS)
    return samples(
        pred_logits=logits,
        pred_score=logits.sigmoid(),
        stream_logits=[dict(face=x, body=-x) for x in logits],
        face_found=[np.array([True, True]), np.array([True, False]), np.array([False, False])],
    )


class TestDumpScores:
    def test_fused_recognizer(self, tmp_path):
        path = tmp_path / 'new' / 'dump.npz'
        checkpoint = tmp_path / 'best.pth'
        checkpoint.write_bytes(b'weights')
        # The last two batches are those that a sampler pads with.
        padded = fused_samples() + fused_samples()[:2]
        dump = dump_then_read(padded, path, size=3, split='val', checkpoint=str(checkpoint))
        assert dump.video_ids == IDS and dump.classes == CLASSES
        assert dump.labels.tolist() == LABELS
        assert dump.scale == 'logits' and dump.scores.dtype == np.float32
        np.testing.assert_array_equal(dump.logits, LOGITS)
        np.testing.assert_allclose(dump.probabilities, expit(LOGITS))
        assert list(dump.stream_logits) == ['face', 'body']
        np.testing.assert_array_equal(dump.stream_logits['body'], -LOGITS)
        assert {k: v.tolist() for k, v in dump.found.items()} == dict(face=[1, 0.5, 0])
        assert dump.split == 'val'
        assert dump.run == hashlib.sha256(b'weights').hexdigest()
        assert [p.name for p in path.parent.iterdir()] == ['dump.npz']

    def test_keys_and_dtypes_of_the_file(self, tmp_path):
        path = tmp_path / 'dump.npz'
        dump_then_read(fused_samples(), path)
        with np.load(path, allow_pickle=False) as npz:
            content = {k: (v.dtype.kind, v.shape) for k, v in npz.items()}
            np.testing.assert_allclose(npz['probabilities'], expit(LOGITS), rtol=1e-6)
        table = ('f', (3, 2))
        assert content == {
            'video_ids': ('U', (3,)),
            'classes': ('U', (2,)),
            'labels': ('i', (3, 2)),
            'logits': table,
            'probabilities': table,
            'scale': ('U', ()),
            'split': ('U', ()),
            'run': ('U', ()),
            'stream_logits/face': table,
            'stream_logits/body': table,
            'face_found': ('f', (3,)),
        }

    def test_groups(self, tmp_path):
        clips = fused_samples()
        for clip, name in zip(clips, ('S', 'TU', 'S'), strict=True):
            clip.set_metainfo(dict(groups=dict(series=name, child='Ann')))
        dump = dump_then_read(clips, tmp_path / 'dump.npz')
        assert dump.groups == dict(series=('S', 'TU', 'S'), child=('Ann',) * 3)
        # a kind that a clip lacks is left out
        clips[1].set_metainfo(dict(groups=dict(child='Ann')))
        assert [*dump_then_read(clips, tmp_path / 'dump.npz').groups] == ['child']
        with pytest.raises(InputError, match='groups/child: expected 3 names, one a clip, found 2'):
            write_dump(tmp_path / 'dump.npz', replace(dump, groups=dict(child=('Ann',) * 2)))

    @pytest.mark.parametrize('scores', ('logits', 'probabilities'))
    def test_stock_recognizer(self, tmp_path, scores):
        values = LOGITS if scores == 'logits' else [[0.9, 0.2], [0.5, 0.25], [0, 0.75]]
        dump = dump_then_read(
            samples(pred_score=torch.tensor(values)), tmp_path / 'dump.npz', scores=scores
        )
        assert dump.scale == scores and not dump.stream_logits
        np.testing.assert_allclose(dump.scores, values, rtol=1e-6)
        if scores == 'logits':
            np.testing.assert_allclose(dump.probabilities, expit(LOGITS))
        else:
            np.testing.assert_allclose(dump.probabilities, values, rtol=1e-6)

    def test_a_clip_without_a_name(self, tmp_path):
        metric = DumpScores(str(tmp_path / 'd.npz'), classes=CLASSES)
        with pytest.raises(InputError, match='video_id: not in the sample.*meta_keys'):
            metric.process(None, [dict(gt_label=[1, 0], pred_score=[0.5, 0.4])])

    def test_a_clip_without_a_stream(self, tmp_path):
        broken = fused_samples()
        broken[1].set_field(dict(face=torch.zeros(2)), 'stream_logits')
        with pytest.raises(
            InputError,
            match="stream_logits: .*face, body.*found face .*'b'",
        ):
            dump_then_read(broken, tmp_path / 'dump.npz')
        assert not list(tmp_path.iterdir())

    def test_a_stream_of_other_classes(self, tmp_path):
        broken = fused_samples()
        broken[1].set_field(dict(face=torch.zeros(3)), 'stream_logits')
        with pytest.raises(
            InputError,
            match='stream_logits/face of video_id '
            r"'b': expected shape \(2,\).*found \(3,\)",
        ):
            dump_then_read(broken, tmp_path / 'dump.npz')

    def test_a_softmax_is_refused(self, tmp_path):
        with pytest.raises(InputError, match='softmax'):
            dump_then_read(
                samples(pred_score=torch.tensor(LOGITS).softmax(1)), tmp_path / 'dump.npz'
            )

    def test_a_clip_twice(self, tmp_path):
        with pytest.raises(InputError, match="dump.npz: video_ids: .*'a' 2 times"):
            dump_then_read(fused_samples() + fused_samples()[:1], tmp_path / 'dump.npz')

    @pytest.mark.parametrize(
        'options, error, message',
        [
            (dict(out_file='d.pkl'), InputError, 'd.pkl: .* ends in .npz'),
            (dict(scores='odds'), InputError, "scores: expected .* 'odds'"),
            (dict(checkpoint='no.pth'), FileNotFoundError, 'no.pth'),
        ],
    )
    def test_arguments(self, tmp_path, monkeypatch, options, error, message):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(error, match=message):
            DumpScores(**dict(dict(out_file='d.npz'), **options))

    def test_a_folder_in_its_place(self, tmp_path):
        (tmp_path / 'd.npz').mkdir()
        with pytest.raises(InputError, match='expected a file, found a fold'):
            DumpScores(str(tmp_path / 'd.npz'))


def make_dump(**changes):
    return replace(
        Dump(video_ids=IDS, classes=CLASSES, labels=np.array(LABELS), scores=LOGITS), **changes
    )


def write_npz(path, **changes):
    """Write the file of a good dump with some entries changed; None removes one."""
    write_dump(path, make_dump())
    with np.load(path) as npz:
        content = dict(npz)
    content.update(changes)
    np.savez(path, **{k: v for k, v in content.items() if v is not None})


class TestFile:
    def test_there_and_back(self, tmp_path):
        dump = make_dump(
            video_ids=('ä b', 'x/y', '日'),
            stream_logits=dict(face=LOGITS),
            found=dict(face=np.array([0, 0.25, 1])),
            split='test',
            run='r',
        )
        again = read_dump(write_dump(tmp_path / 'dump.npz', dump))
        for name in ('video_ids', 'classes', 'scale', 'split', 'run'):
            assert getattr(again, name) == getattr(dump, name)
        np.testing.assert_array_equal(again.scores, LOGITS)
        assert again.scores.dtype == again.stream_logits['face'].dtype == np.float32
        np.testing.assert_array_equal(again.labels, LABELS)
        np.testing.assert_array_equal(again.found['face'], [0, 0.25, 1])
        # once more gives the same file
        first = (tmp_path / 'dump.npz').read_bytes()
        write_dump(tmp_path / 'dump.npz', again)
        assert (tmp_path / 'dump.npz').read_bytes() == first

    @pytest.mark.parametrize(
        'scale, scores',
        [
            ('probabilities', [[1 - 1e-9, 1e-50], [1 - 1e-8, 1e-60], [1 - 4e-9, 0.5]]),
            ('logits', [[1e8 + 2, 1e300], [1e8, 3.0], [1e8 + 1, 0.1]]),
        ],
    )
    def test_no_order_is_lost(self, tmp_path, scale, scores):
        dump = make_dump(scores=np.array(scores), scale=scale, stream_logits=dict(face=scores))
        again = read_dump(write_dump(tmp_path / 'dump.npz', dump))
        assert again.scores.tolist() == again.stream_logits['face'].tolist() == scores
        assert np.isfinite(again.logits).all()

    def test_logits_of_probabilities(self):
        p = np.array([[0.1, 0.9], [1e-9, 0.5], [0.25, 0.75]], dtype=np.float32)
        dump = make_dump(scores=p, scale='probabilities')
        np.testing.assert_allclose(dump.logits, logit(p.astype(float)), rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize('p', (0, 1))
    def test_a_probability_without_a_logit(self, p):
        dump = make_dump(
            scores=np.float32([[0.5, 0.5], [0.5, p], [0.5, 0.5]]), scale='probabilities'
        )
        with pytest.raises(
            InputError,
            match=r"row 1 \(video_id 'b'\), class "
            rf'1 \(Fear\): expected above 0 and below 1.*'
            rf'found {p}; .*average_clips',
        ):
            _ = dump.logits

    def test_nothing_is_left_of_what_failed(self, tmp_path, monkeypatch):
        path = tmp_path / 'dump.npz'
        write_dump(path, make_dump())
        before = path.read_bytes()

        def savez(file, **arrays):
            file.write(b'half')
            raise OSError('no space left')

        monkeypatch.setattr(np, 'savez', savez)
        with pytest.raises(OSError, match='no space'):
            write_dump(path, make_dump(split='test'))
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_what_cannot_be_written(self, tmp_path):
        for changes, message in (
            (dict(scores=np.full_like(LOGITS, np.inf)), 'finite'),
            (dict(scale='odds'), "scale: expected .*'odds'"),
            (dict(labels=np.array(LABELS) * 2), '0 or 1, found 2'),
            (dict(video_ids=('a', 2, 'c')), 'video_ids, row 1: expected a name, found 2'),
            (dict(skipped=('', 'd')), "skipped, row 0: expected a name, found ''"),
            (dict(groups=dict(child=('x', 'y', None))), 'groups/child, row 2: .*found None'),
            (
                dict(found=dict(body=np.ones(3)), stream_logits=dict(face=LOGITS)),
                'body_found: expected shares of the streams of stream_logits, face',
            ),
        ):
            with pytest.raises(InputError, match='d.npz: .*' + message):
                write_dump(tmp_path / 'd.npz', make_dump(**changes))
        with pytest.raises(InputError, match='d.txt: .* ends in .npz'):
            write_dump(tmp_path / 'd.txt', make_dump())
        assert not list(tmp_path.iterdir())

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no.npz: no such file'):
            read_dump(tmp_path / 'no.npz')

    @pytest.mark.parametrize('content', (b'', b'text', pickle.dumps([dict(video_id='a')])))
    def test_another_format(self, tmp_path, content):
        path = tmp_path / 'd.npz'
        path.write_bytes(content)
        with pytest.raises(
            InputError,
            match='d.npz: .*another format',
        ):
            read_dump(path)

    def test_half_a_file_and_a_damaged_one(self, tmp_path):
        path = write_dump(tmp_path / 'd.npz', make_dump())
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match='d.npz: expected an .npz'):
            read_dump(path)
        at = whole.index(LOGITS.tobytes())
        path.write_bytes(whole[:at] + b'XXXX' + whole[at + 4 :])
        with pytest.raises(InputError, match='d.npz: .*cannot be read.*CRC'):
            read_dump(path)

    def test_pickled_objects_are_not_loaded(self, tmp_path):
        write_npz(tmp_path / 'd.npz', video_ids=np.array(list(IDS), dtype=object))
        with pytest.raises(InputError, match='d.npz: .*video_ids: .*object'):
            read_dump(tmp_path / 'd.npz')

    nan, low = LOGITS.copy(), LOGITS * 0
    nan[1, 1] = np.nan
    low[2, 0] = 0.25

    @pytest.mark.parametrize(
        'changes, message',
        [
            (dict(logits=None, labels=None), 'expected labels, logits, found only'),
            (dict(scale=None), 'expected scale, found only'),
            (dict(scale=np.array('odds')), "scale: expected one of .*'odds'"),
            (
                dict(video_ids=np.array(['a', 'b', 'a'])),
                "video_ids: expected every clip once, found 'a' 2 times",
            ),
            (dict(video_ids=np.arange(3)), 'video_ids: expected names.*int64'),
            (dict(video_ids=np.array(['a', 'b'])), 'logits: expected 2 rows, one a clip, found 3'),
            (dict(classes=np.array(['Joy'])), r'logits: expected 1 columns.*found shape \(3, 2\)'),
            (dict(classes=np.array(['Joy', 'Joy'])), "found 'Joy' 2 times"),
            (dict(classes=np.array(['Joy', 'macro'])), 'name of an average'),
            (
                dict(labels=np.full((3, 2), 2)),
                r"labels, row 0 \(video_id 'a'\), class 0 \(Joy\): expected 0 or 1",
            ),
            (dict(labels=np.ones((3, 3))), 'labels: expected 2 columns'),
            (
                dict(logits=nan),
                r"logits, row 1 \(video_id 'b'\), class 1 \(Fear\)"
                ': expected a finite number, found nan',
            ),
            (
                dict(probabilities=low),
                r"probabilities, row 0 \(video_id 'a'\).*"
                'expected the sigmoid of the logit, 0.880797, found 0',
            ),
            (
                dict(probabilities=low[:2]),
                r'probabilities: expected numbers \(3, 2\), found float32 \(2, 2\)',
            ),
            (
                dict(scale=np.array('probabilities'), probabilities=low - 0.1),
                r'expected a probability in 0..1, found -0.1',
            ),
            ({'stream_logits/face': nan}, 'stream_logits/face, row 1 .*finite'),
            (
                {'stream_logits/face': LOGITS[:2]},
                'stream_logits/face: expected 3 rows, one a clip, found 2',
            ),
            (
                {'stream_logits/face': LOGITS, 'face_found': LOGITS},
                r'face_found: expected \(3,\) numbers, one a clip, found',
            ),
            (
                {'stream_logits/face': LOGITS, 'face_found': np.array([0, 1, 2.0])},
                'face_found: expected shares in 0..1, found 0 to 2',
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, changes, message):
        write_npz(tmp_path / 'd.npz', **changes)
        with pytest.raises(InputError, match='d.npz: .*' + message) as error:
            read_dump(tmp_path / 'd.npz')
        assert re.match('.*/d.npz: ', str(error.value))
