import shutil

import numpy as np
import pytest

from emoreact_plugin.clips.cache_file import CachedClip, stamp_of, write_cached
from emoreact_plugin.recipes import build_pipeline
from emoreact_plugin.utils.errors import InputError
from tests.factories import (
    FRAMES,
    HEIGHT,
    WIDTH,
    dataset,
    face_of,
    write_annotations,
    write_openface,
)


def lose_faces(own, frames=3):
    """Remove the face from the first frames of the first clip of train."""
    name = own.videos['train'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[:frames] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)


BOTH = ('landmarks', 'keypoints')


@pytest.mark.parametrize(
    'streams, expected', [(['body'], True), (['face', 'body'], True), (['face', 'fullbody'], False)]
)
def test_the_summary_counts_close_ups(own, streams, expected):
    """In 4 of 6 frames of one clip, the face covers the frame; the body is within it."""
    name = own.videos['train'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[2:] = np.tile([(2, 2), (WIDTH - 2, HEIGHT - 2)], (34, 1))
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    text = dataset(own.root, pipeline=build_pipeline(streams, 3, 32)).summary()
    said = '; the face covers most of the body crop in 4 frames of 1 clip: mostly black'
    assert text == '3 clips, 18 frames' + said * expected


def test_the_summary_counts_what_is_missing(own):
    lose_faces(own)
    name = own.videos['train'][0]
    assert dataset(own.root, required=BOTH).summary() == (
        '3 clips, 18 frames; no face in 3 frames of 1 clip'
    )
    (own.root / 'videos' / f'{name}_hol.txt').write_text('\n' * FRAMES)
    assert dataset(own.root, required=BOTH).summary() == (
        '3 clips, 18 frames; no face in 3 frames of 1 clip; no body in 6 frames of 1 clip'
    )
    assert dataset(own.root).summary() == '3 clips, 18 frames'


NO_FACE, NO_BODY = (
    '; no face in 3 frames of 1 clip',
    ('; no body in 6 frames of 1 clip: whole frame used'),
)


@pytest.mark.parametrize(
    'streams, mask, lost',
    [
        (['face'], False, f'{NO_FACE}: whole frame used'),
        (['face'], True, f'{NO_FACE}: whole frame used, no mask drawn'),
        (['body'], False, f'{NO_FACE}: face not blacked out{NO_BODY}'),
        (['body'], True, f'{NO_FACE}: face not blacked out, no mask drawn{NO_BODY}'),
        (['fullbody'], False, NO_BODY),
        (['fullbody'], True, f'{NO_FACE}: no mask drawn{NO_BODY}'),
        (
            ['face', 'body'],
            True,
            f'{NO_FACE}: whole frame used, face not blacked out, no mask drawn{NO_BODY}',
        ),
    ],
)
@pytest.mark.parametrize('required', [BOTH, ()])
def test_the_summary_says_what_becomes_of_it(own, streams, mask, lost, required):
    lose_faces(own)
    name = own.videos['train'][0]
    (own.root / 'videos' / f'{name}_hol.txt').write_text('\n' * FRAMES)
    pipeline = build_pipeline(streams, 3, 32, mask_kind='surgical' if mask else None)
    if required and streams == ['fullbody']:
        required = BOTH if mask else ('keypoints',)
    elif required and streams == ['face']:
        required = ('landmarks',)
    data = dataset(own.root, pipeline=pipeline, required=required)
    assert data.summary() == f'3 clips, 18 frames{lost}'
    if mask:
        # what is said is what happens
        steps = data.pipeline.transforms
        sample = data.get_data_info(0)
        for step in steps[:5]:
            sample = step(sample)
        assert sample['frame_inds'].tolist() == [1, 3, 5]
        assert sample['masked'][0] == False  # noqa: E712
        for stream in streams:
            if stream == 'face':
                assert not sample['face_found'][0]
            else:
                assert not sample[f'{stream}_found'].any()


def test_a_region_of_ones_own_needs_what_is_required(own):
    from emoreact_plugin.clips.regions import REGIONS

    lose_faces(own)
    REGIONS.register_module('own_one', module=lambda face, body: body)
    try:
        pipeline = build_pipeline(['own_one'], 3, 32)
        for required, text in [((), ''), (['landmarks'], f'{NO_FACE}: whole frame used')]:
            data = dataset(own.root, pipeline=pipeline, required=required)
            assert data.summary() == f'3 clips, 18 frames{text}'
    finally:
        REGIONS.module_dict.pop('own_one')


def test_one_clip_is_no_clips(own):
    write_annotations(own.root / 'train.csv', own.videos['train'][:1], [[0] * 8])
    assert dataset(own.root).summary() == '1 clip, 6 frames'


def test_what_becomes_of_missing_files_is_said(own):
    name = own.videos['train'][1]
    shutil.rmtree(own.root / 'videos' / f'{name}_openface')
    pipeline = build_pipeline(['fullbody'], 3, 32, mask_kind='kn95')
    with pytest.raises(FileNotFoundError, match='--allow-missing .*: no mask drawn$'):
        dataset(own.root, pipeline=pipeline, required=BOTH)
    data = dataset(own.root, pipeline=pipeline, required=BOTH, allow_missing=True)
    assert data.summary() == ('3 clips, 18 frames; no face in 6 frames of 1 clip: no mask drawn')


def test_boxes_of_faces_get_no_mask(own):
    """Count no mask for the two frames of a clip that hold a detector's box.

    The box is written as `extract_landmarks` writes it. The other frames have landmarks.
    """
    faces = np.stack([face_of(k) for k in range(FRAMES)]).astype(np.float32)
    is_box = np.array([False, True, False, True, False, False])
    faces[is_box] = np.tile([(10, 5), (30, 5), (30, 25), (10, 25)], (17, 1))
    for name in own.videos['train']:
        path = own.root / 'videos' / name
        write_cached(
            own.root / 'given' / f'{name[:-4]}.safetensors',
            CachedClip(
                faces,
                np.ones(FRAMES, np.float32),
                np.full((FRAMES, 0, 2), np.nan, np.float32),
                FRAMES,
                (WIDTH, HEIGHT),
                dict(source=stamp_of(path)),
                is_box,
            ),
        )
    summaries = [
        dataset(
            own.root,
            pipeline=build_pipeline(['face'], 6, 32, mask_kind=kind),
            data_prefix=dict(video='videos', landmarks='given'),
        ).summary()
        for kind in (None, 'surgical')
    ]
    assert summaries == [
        '3 clips, 18 frames',
        '3 clips, 18 frames; only the box of the face in 6 frames of 3 clips: no mask drawn',
    ]
    data = dataset(
        own.root,
        pipeline=build_pipeline(['face'], 6, 32, mask_kind='surgical')[:4],
        data_prefix=dict(video='videos', landmarks='given'),
    )
    assert not data[0]['masked'][is_box].any()


def test_the_summary_counts_faces_as_the_pipeline_fills_them(own):
    """Frames 0 and 2 lose their face: a gap at the start, which stays, and one of one frame."""
    name = own.videos['train'][0]
    faces = np.stack([face_of(k) for k in range(FRAMES)])
    faces[[0, 2]] = np.nan
    write_openface(own.root / 'videos' / f'{name}_openface' / f'{name[:-4]}.csv', faces)
    for max_gap, text in ((0, '2 frames'), (1, '1 frame')):
        pipeline = build_pipeline(['face'], 3, 32)
        pipeline[2]['max_gap'] = max_gap
        assert dataset(own.root, pipeline=pipeline).summary() == (
            f'3 clips, 18 frames; no face in {text} of 1 clip: whole frame used'
        )


def test_the_summary_says_that_the_head_is_blacked_out_instead(own):
    lose_faces(own)
    pipeline = build_pipeline(['body'], 3, 32)
    (step,) = (each for each in pipeline if each['type'] == 'CropRegions')
    step['blackout_fallback'] = True
    data = dataset(own.root, pipeline=pipeline)
    assert data.summary().endswith(f'{NO_FACE}: head of the pose blacked out, if seen')
    # these keypoints are of a text file, which does not tell where the head is
    with pytest.raises(InputError, match='TRAIN100_2.*blackout_fallback.*_hol.txt'):
        data[0]
