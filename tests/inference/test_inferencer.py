import json
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.inference import EmotionInferencer
from emoreact_plugin.inference.scorers.base import Scores
from emoreact_plugin.models import load_recognizer
from emoreact_plugin.video.reading import frame_times, read_frames
from mmaction.registry import DATASETS
from tests.factories import (
    EMOTIONS,
    FRAMES,
    save_checkpoint,
    small_config,
    stock_config,
    write_timed,
)

pytestmark = pytest.mark.slow

QUIET = dict(progress=False)


def as_array(probabilities):
    assert tuple(probabilities) == EMOTIONS
    return np.array(list(probabilities.values()))


@pytest.mark.parametrize(
    'options',
    [
        dict(input='fusion'),
        dict(input='face', num_segments=10),  # more than a clip has frames
        dict(input='body', shift=True, arch='resnet50'),
        dict(input='fusion', mask=True),
        dict(input='fusion', crops='crops'),
    ],
    ids=['fusion', 'short', 'tsm', 'mask', 'crops'],
)
def test_the_scores_are_those_of_testing(options, tiny, videos, tmp_path):
    path = save_checkpoint(tmp_path / 'x.pth', data_root=str(tiny.root), **options)
    inferencer = EmotionInferencer(
        path, batch_size=4, mask='surgical' if 'mask' in options else None
    )
    results = inferencer(videos, **QUIET)
    # Testing reads the very videos; random weights, so any other frame,
    # crop or mask would show.
    cfg = small_config(**{**options, 'crops': '', 'data_root': str(tiny.root)})
    data = DATASETS.build(cfg.test_dataloader.dataset)
    _, model = load_recognizer(path)
    seen = set()
    for index, result in enumerate(results):
        with torch.no_grad():
            (sample,) = model.test_step(pseudo_collate([data[index]]))
        np.testing.assert_allclose(as_array(result.probabilities), sample.pred_score, atol=1e-5)
        for name, each in sample.stream_scores.items():
            np.testing.assert_allclose(as_array(result.streams[name]), each, atol=1e-5)
        expected = [EMOTIONS[i] for i in np.nonzero(sample.pred_label)[:, 0]]
        assert result.labels == expected
        seen.add(result.landmarks)
    assert seen == {'files'} and len(results) == len(data)
    assert np.ptp(as_array(result.probabilities)) > 0.05


def test_what_a_result_tells(checkpoint, videos):
    (result,) = EmotionInferencer(checkpoint)(videos[0], **QUIET)
    assert result.total_frames == FRAMES
    assert result.duration_s == pytest.approx(FRAMES / 25)
    assert result.frames_without == dict(face=0, body=0)
    assert result.warnings == [] and result.reliable
    (window,) = result.windows  # the clip is shorter than one
    assert window.short and window.probabilities == result.probabilities
    assert (window.start_s, window.end_s) == (0, result.duration_s)
    assert window.found == dict(face=1, body=1)
    assert result.mean_probabilities == result.probabilities


def test_windows_are_scored_as_clips_of_their_own(checkpoint, tmp_path):
    """Of a video with two frame rates."""
    times = [k / 30 for k in range(15)] + [0.5 + k / 10 for k in range(10)]
    path = write_timed(tmp_path / 'a.mp4', times)
    np.testing.assert_allclose(frame_times(path), times, atol=1e-3)
    options = dict(landmarks='none', batch_size=3)
    (result,) = EmotionInferencer(checkpoint, window_seconds=0.5, stride_seconds=0.3, **options)(
        path, **QUIET
    )
    spans = [(w.start_s, w.end_s) for w in result.windows]
    np.testing.assert_allclose(
        spans, [(0, 0.5), (0.3, 0.8), (0.6, 1.1), (0.9, 1.4), (0.9333, 1.4333)], atol=1e-3
    )
    # frames by hand: 0-14, 9-17, 16-20, 19-23, 20-24; as videos of their own
    inferencer = EmotionInferencer(checkpoint, **options)
    for window, inds in zip(
        result.windows,
        [range(15), range(9, 18), range(16, 21), range(19, 24), range(20, 25)],
        strict=True,
    ):
        frames = read_frames(path, inds)
        sample = inferencer.pipeline.sample(len(frames))
        packed = inferencer.pipeline.pack(
            sample, [frames[k] for k in sample['frame_inds']], Landmarks.none(3)
        )
        logits = inferencer.scorer([packed]).logits[0]
        np.testing.assert_allclose(
            as_array(window.probabilities), 1 / (1 + np.exp(-logits)), atol=1e-5
        )
    mean = np.mean([as_array(w.probabilities) for w in result.windows], 0)
    np.testing.assert_allclose(as_array(result.mean_probabilities), mean)


def test_no_more_than_the_sampled_frames_are_kept(checkpoint, tmp_path, monkeypatch):
    path = write_timed(tmp_path / 'a.mp4', [k / 30 for k in range(90)])
    alive, most, stock = [], [], Clip.select

    def select(self, inds):
        for index, frame in stock(self, inds):
            alive.append(weakref.ref(frame))
            most.append(sum(ref() is not None for ref in alive))
            yield index, frame

    monkeypatch.setattr(Clip, 'select', select)
    (result,) = EmotionInferencer(
        checkpoint, landmarks='none', window_seconds=0.5, stride_seconds=0.25, batch_size=2
    )(path, **QUIET)
    # three of the clip, three of each of the windows under way, the newest
    assert len(result.windows) == 11 and len(most) > 25
    assert max(most) <= 3 + 3 * 3 + 1


def test_one_bad_video_does_not_stop_the_rest(checkpoint, videos, tmp_path):
    (tmp_path / 'bad.mp4').write_bytes(b'no video')
    results = EmotionInferencer(checkpoint)(
        [videos[0], tmp_path / 'bad.mp4', tmp_path / Path(videos[0]).name, *videos[1:]],
        tmp_path / 'out',
        **QUIET,
    )
    good, bad, lost, *rest = results
    assert lost.error == f'{lost.video}: no such video or folder'
    assert 'bad.mp4: expected a video' in bad.error
    assert not bad.probabilities and not bad.windows
    assert all(each.error is None for each in (good, *rest))
    assert results.errors == [bad, lost]
    assert len(list((tmp_path / 'out').iterdir())) == len(videos)


def test_a_folder_is_searched(checkpoint, videos, tmp_path):
    for name in ('IMG_1.MOV', 'IMG_1.mp4', 'sub/b.mp4', 'out/old.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(videos[0], tmp_path / name)
    results = EmotionInferencer(checkpoint, landmarks='none')(
        tmp_path, str(tmp_path / 'out'), **QUIET
    )
    assert [each.name for each in results] == ['IMG_1.MOV', 'IMG_1.mp4', 'sub/b.mp4']
    assert [Path(each.annotated).relative_to(tmp_path / 'out').as_posix() for each in results] == [
        'IMG_1.MOV_annotated.mp4',
        'IMG_1.mp4_annotated.mp4',
        'sub/b.mp4_annotated.mp4',
    ]


@pytest.mark.parametrize(
    'make, found, message',
    [
        (lambda p: p / 'no.mp4', FileNotFoundError, 'no.mp4: no such video or'),
        (lambda p: [p / 'empty', p / 'nor'], FileNotFoundError, 'nor: no such'),
        (lambda p: [p / 'a/x.mp4', p / 'b/x.mp4'], InputError, 'would both be written to'),
        (lambda p: [p / 'out/x.mp4'], InputError, 'outside of the folder of res'),
        (lambda p: [p / 'empty'], InputError, 'expected videos .of the endings'),
        (lambda p: [], InputError, 'no paths: expected videos'),
    ],
    ids=['missing', 'all missing', 'equal', 'result', 'empty', 'none'],
)
def test_refused_before_any_work(make, found, message, checkpoint, videos, tmp_path):
    (tmp_path / 'empty').mkdir()
    for folder in 'a', 'b', 'out':
        (tmp_path / folder).mkdir()
        shutil.copy(videos[0], tmp_path / folder / 'x.mp4')
    inferencer = EmotionInferencer(checkpoint, landmarks='none')
    inferencer.scorer = pytest.fail
    with pytest.raises(found, match=message):
        inferencer(make(tmp_path), str(tmp_path / 'out'), **QUIET)
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['x.mp4']


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(stride_seconds=0), 'stride: expected more than 0'),
        (dict(window_seconds=-1), 'window: expected more than 0'),
        (dict(batch_size=0), 'batch_size: expected 1 or more, found 0'),
        (dict(threshold=2), 'threshold: expected a probability, found 2'),
        (dict(landmarks='nowhere'), 'nowhere: no such folder of landmarks'),
        (dict(person='x', landmarks='none'), "person='x': expected landmarks of"),
        (dict(mask='paper'), "unknown kind 'paper'"),
    ],
)
def test_arguments_out_of_range(options, message, checkpoint):
    with pytest.raises((InputError, FileNotFoundError), match=message):
        EmotionInferencer(checkpoint, **options)


def test_a_threshold_of_ones_own(checkpoint, videos):
    for threshold, count in ((0, 8), (1, 0)):
        (result,) = EmotionInferencer(checkpoint, threshold=threshold)(videos[0], **QUIET)
        assert len(result.labels) == count == len(result.windows[0].labels)


def test_masks_are_drawn_only_when_asked_for(tiny, videos, tmp_path):
    masked = save_checkpoint(tmp_path / 'm.pth', mask=True)
    plain = save_checkpoint(tmp_path / 'p.pth')
    for path, kind, warnings in (
        (masked, None, ['trained on faces with masks, and none are drawn here']),
        (masked, 'surgical', []),
        (plain, None, []),
        (plain, 'surgical', ['trained without masks, but masks are drawn here']),
    ):
        inferencer = EmotionInferencer(path, mask=kind)
        (result,) = inferencer(videos[0], **QUIET)
        assert result.warnings == warnings and result.reliable
        assert inferencer.about['mask'] == kind
        assert inferencer.about['trained_with_masks'] == (path == masked)
    # masked beforehand: only the data set knew
    path = save_checkpoint(tmp_path / 'b.pth', meta=dict(masked=True))
    assert EmotionInferencer(path)(videos[0], **QUIET)[0].warnings
    (result,) = EmotionInferencer(plain, mask='n95', landmarks='none')(videos[0], **QUIET)
    assert result.warnings[1:] == ['no mask can be drawn without landmarks']


def test_a_checkpoint_of_sample_data(videos, tmp_path, capsys):
    path = save_checkpoint(tmp_path / 'x.pth', meta=dict(drawn_sample_data=True))
    inferencer = EmotionInferencer(path)
    assert inferencer.about['trained_on_sample_data'] is True
    (result,) = inferencer(videos[0], **QUIET)
    assert 'drawn sample data' in result.warnings[0] and not result.reliable
    assert 'WARNING: this checkpoint was trained on drawn sample data' in capsys.readouterr().out
    assert 'drawn sample data' in result._repr_html_()
    # but not on video of the sample data
    root = tmp_path / 'sample'
    shutil.copytree(Path(videos[0]).parent, root / 'videos')
    for name in 'settings.json', 'cues.json':
        (root / name).write_text('{}')
    (result,) = inferencer(root / 'videos' / Path(videos[0]).name, **QUIET)
    assert result.warnings == [] and result.reliable


def test_a_long_clip(checkpoint, tmp_path):
    path = write_timed(tmp_path / 'a.mp4', range(25))
    (result,) = EmotionInferencer(checkpoint, landmarks='none')(path, **QUIET)
    assert len(result.windows) == 21
    assert result.warnings[-1] == (
        "the clip's own score is of 3 of its 25 frames in 25 s; look at the "
        'windows, or at their mean'
    )


def test_a_stock_recognizer_of_whole_frames(videos, tmp_path):
    cfg = stock_config(
        dict(type='Resize', scale=(32, 32), keep_ratio=False),
        num_clips=2,
        head=dict(loss_cls=dict(type='BCELossWithLogits'), average_clips='score'),
    )
    path = save_checkpoint(tmp_path / 'x.pth', cfg=cfg)
    inferencer = EmotionInferencer(path)
    assert inferencer.regions == ()
    (result,) = inferencer(videos[0], str(tmp_path / 'out'), **QUIET)
    assert result.error is None and result.landmarks == 'not needed'
    assert result.warnings == [] and result.streams == {} and result.reliable
    assert result.windows[0].found == {}
    json.dumps(result.to_dict())


@pytest.mark.parametrize('with_config', [False, True])
def test_a_checkpoint_is_loaded_once(with_config, checkpoint, monkeypatch):
    load, loaded = torch.load, []
    monkeypatch.setattr(torch, 'load', lambda *a, **k: loaded.append(a[0]) or load(*a, **k))
    EmotionInferencer(checkpoint, small_config() if with_config else None)
    assert loaded == [checkpoint]


def test_a_scorer_of_another_kind_can_stand_in(checkpoint, videos):
    sizes = []

    def scorer(clips):
        sizes.append(len(clips))
        logits = np.full((len(clips), 8), np.log(3), np.float32)
        return Scores(logits, dict(face=logits))

    inferencer = EmotionInferencer(checkpoint, batch_size=4)
    inferencer.scorer = scorer
    results = inferencer(videos, **QUIET)
    assert sizes == [4, 2]  # clips share a batch
    for result in results:
        np.testing.assert_allclose(as_array(result.probabilities), 0.75)
        assert list(result.streams) == ['face']
