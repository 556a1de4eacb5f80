import numpy as np
import pytest
import torch
from mmengine.config import Config

import emoreact_plugin  # noqa: F401
from emoreact_plugin import InputError
from emoreact_plugin.clips.clip import Clip
from emoreact_plugin.clips.landmarks import Landmarks
from emoreact_plugin.explanation.cam_source import open_source
from emoreact_plugin.inference.pipeline import ClipPipeline
from emoreact_plugin.recipes import edit
from emoreact_plugin.transforms import DrawFaceMask
from mmaction.registry import DATASETS, TRANSFORMS
from tests.factories import FRAMES, face_of, small_config, stock_config, write_openface


def packed(cfg, path, **options):
    pipeline, clip = ClipPipeline(cfg, **options), Clip(str(path))
    sample = pipeline.sample(clip.total_frames, clip.name)
    inds = sample['frame_inds']
    return pipeline.pack(sample, clip.read(inds), clip.landmarks.of(inds))


@pytest.mark.parametrize(
    'options',
    [
        dict(input='fusion'),
        dict(input='face+body+fullbody', num_segments=5),
        dict(input='face', num_segments=10),  # more than the clip has frames
        dict(
            input='fusion',
            sampling=dict(
                face=dict(type='SampleFrames', clip_len=4, frame_interval=1, num_clips=1),
                body=dict(share='face', num_frames=2),
            ),
        ),
    ],
    ids=['fusion', 'three', 'short', 'sampling'],
)
def test_the_same_input_as_the_data_sets(options, tiny):
    cfg = small_config(data_root=str(tiny.root), **options)
    expected = DATASETS.build(cfg.test_dataloader.dataset)[2]
    found = packed(cfg, tiny.root / 'videos' / tiny.videos['test'][2])
    assert set(found['inputs']) == set(expected['inputs'])
    for name, tensor in expected['inputs'].items():
        torch.testing.assert_close(found['inputs'][name], tensor)
    np.testing.assert_array_equal(
        *(each['data_samples'].get('face_found') for each in (found, expected))
    )


def test_a_mask_only_when_asked_for(tiny):
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    masked = small_config(data_root=str(tiny.root), mask=True)
    plain = small_config(data_root=str(tiny.root))
    expected = DATASETS.build(masked.test_dataloader.dataset)[2]['inputs']
    assert ClipPipeline(masked).trained_mask == 'surgical'
    assert ClipPipeline(plain).trained_mask is None
    for cfg in (masked, plain):
        with_mask = packed(cfg, path, mask='surgical')['inputs']['face_imgs']
        without = packed(cfg, path)['inputs']['face_imgs']
        torch.testing.assert_close(with_mask, expected['face_imgs'])
        assert not torch.equal(without, with_mask)


@pytest.mark.parametrize('color', ['pink', [200, 30, 10]])
def test_a_mask_in_the_color_of_the_configuration(color, tiny):
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    cfg = small_config(data_root=str(tiny.root), mask=True)
    (step,) = (step for step in cfg.test_dataloader.dataset.pipeline if step.type == 'DrawFaceMask')
    usual = packed(cfg, path, mask='surgical')['inputs']['face_imgs']
    step.color, step.seed = color, 3
    expected = DATASETS.build(cfg.test_dataloader.dataset)[2]['inputs']
    found = packed(cfg, path, mask='surgical')['inputs']['face_imgs']
    torch.testing.assert_close(found, expected['face_imgs'])
    assert not torch.equal(found, usual)
    # another kind has the colour as well
    drawn = ClipPipeline(cfg, mask='n95').face_mask
    assert drawn.kind == 'n95' and drawn.seed == 3
    assert drawn.color == DrawFaceMask(color=color).color


def test_prepared_crops_are_cut_out_of_the_frames(tiny):
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    crops = small_config(data_root=str(tiny.root), crops='crops')
    video = small_config(data_root=str(tiny.root))
    for name, tensor in packed(video, path)['inputs'].items():
        torch.testing.assert_close(packed(crops, path)['inputs'][name], tensor)


def test_a_stock_pipeline_of_whole_frames(tiny):
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3)).astype(np.uint8)
    steps = dict(type='Resize', scale=(-1, 24)), dict(type='CenterCrop', crop_size=16)
    cfg = stock_config(*steps, clip_len=2, num_clips=1, input_format='NCTHW')
    inner = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(type='RepeatDataset', dataset=inner)
    pipeline = ClipPipeline(cfg)
    sample = pipeline.sample(10)
    assert sample['frame_inds'].tolist() == [4, 5]
    before = frames.copy()
    out = pipeline.pack(sample, frames, Landmarks.none(2))
    assert out['inputs'].shape == (1, 3, 2, 16, 16)
    assert pipeline.regions == ()
    np.testing.assert_array_equal(frames, before)
    with pytest.raises(InputError, match='mask: expected a configuration that crops'):
        ClipPipeline(cfg, mask='surgical')


def test_configurations_that_cannot_be_used():
    with pytest.raises(InputError, match='pipeline in test_dataloader'):
        ClipPipeline(Config(dict(model=dict())))
    steps = [dict(type='DecordInit'), dict(type='DecordDecode')]
    with pytest.raises(InputError, match='found DecordInit, DecordDecode'):
        ClipPipeline(Config(dict(test_dataloader=dict(dataset=dict(pipeline=steps)))))


@pytest.mark.parametrize('form', ['scope', 'path', 'class', 'derived'])
def test_types_are_recognized_however_they_are_written(form, tiny):
    """As in configs of other scopes, dumped and pure-Python ones."""

    def rewrite(step):
        kind = TRANSFORMS.get(step['type'])
        step['type'] = {
            'scope': f'mmaction.{step["type"]}',
            'path': f'{kind.__module__}.{kind.__qualname__}',
            'class': kind,
            'derived': type(kind.__name__ + 'OfMyOwn', (kind,), {}),
        }[form]

    cfg = small_config(data_root=str(tiny.root), mask=True)
    path = tiny.root / 'videos' / tiny.videos['test'][2]
    expected = [packed(cfg, path, mask=mask)['inputs'] for mask in (None, 'surgical')]
    steps = cfg.test_dataloader.dataset.pipeline
    for step in steps:
        if form != 'derived' or step['type'] in ('LoadLandmarks', 'DrawFaceMask', 'CropRegions'):
            rewrite(step)
    for inputs, mask in zip(expected, (None, 'surgical'), strict=True):
        found = packed(cfg, path, mask=mask)['inputs']
        for name, tensor in inputs.items():
            torch.testing.assert_close(found[name], tensor)
    pipeline = ClipPipeline(cfg, mask='surgical')
    assert pipeline.regions == ('face', 'body') and pipeline.trained_mask == 'surgical'


def test_gaps_are_filled_as_in_training(own):
    """Frames 2 and 3 of 6 have no face, and frames 1, 3 and 5 are sampled."""
    name = own.videos['test'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[2:4] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    path, found = str(own.root / 'videos' / name), {}
    for max_gap in (0, 2):
        cfg = small_config(data_root=str(own.root))
        cfg.test_dataloader.dataset.pipeline[2].max_gap = max_gap
        expected = DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs']
        pipeline = ClipPipeline(cfg)
        assert pipeline.max_gap == max_gap
        clip = Clip(path).filled(pipeline.max_gap)
        sample = pipeline.sample(clip.total_frames, clip.name)
        inds = sample['frame_inds']
        found[max_gap] = pipeline.pack(sample, clip.read(inds), clip.landmarks.of(inds))
        torch.testing.assert_close(found[max_gap]['inputs'], dict(expected))
        # Grad-CAM opens the clip by its path or by its name
        for given in (path, name):
            opened = open_source(cfg, given).clip
            np.testing.assert_array_equal(opened.landmarks.face, clip.landmarks.face)
        edit(cfg, dict(crops='crops'))
        assert ClipPipeline(cfg).max_gap == max_gap
    shares = [each['data_samples'].get('face_found').tolist() for each in found.values()]
    assert shares == [[True, False, True], [True] * 3]
