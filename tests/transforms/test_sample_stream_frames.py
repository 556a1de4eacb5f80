import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose

from emoreact_plugin import InputError
from emoreact_plugin.transforms import SampleStreamFrames
from emoreact_plugin.transforms.sample_stream_frames import evenly_spread
from mmaction.registry import TRANSFORMS

EIGHT = dict(type='SampleFrames', clip_len=8, frame_interval=2)
TEST = dict(EIGHT, test_mode=True)


def frames_of(out, stream):
    """Return the frame numbers that a stream sees."""
    return out['frame_inds'][out['stream_frames'][stream]['inds']].tolist()


def sample(total_frames=100, start_index=0):
    return dict(total_frames=total_frames, start_index=start_index)


@pytest.mark.parametrize(
    'inds, num_frames, expected',
    [
        (range(9), 3, [1, 4, 7]),
        (range(8), 3, [1, 4, 6]),  # middles of the parts: 1.33, 4, 6.67
        (range(8), 1, [4]),
        ([5, 0, 5, 3, 0], 3, [0, 3, 5]),
        ([5, 7], 3, [5, 7, 7]),
        ([4], 2, [4, 4]),
    ],
)
def test_evenly_spread(inds, num_frames, expected):
    found = evenly_spread(np.array(inds), num_frames)
    assert found.tolist() == expected


def test_a_stream_takes_some_of_another_streams_frames():
    out = SampleStreamFrames(dict(body=dict(share='face', num_frames=3), face=TEST))(sample())
    # 8 frames span 15 of 100, from 85 // 2 on
    assert frames_of(out, 'face') == list(range(42, 58, 2))
    assert frames_of(out, 'body') == [44, 50, 54]
    assert out['frame_inds'].tolist() == list(range(42, 58, 2))
    assert out['frame_inds'].dtype == np.int32
    assert (out['clip_len'], out['num_clips']) == (1, 8)
    face, body = (out['stream_frames'][s] for s in ('face', 'body'))
    assert (face['clip_len'], face['num_clips']) == (8, 1)
    assert face['frame_interval'] == 2
    assert (body['clip_len'], body['num_clips']) == (1, 3)
    assert body['frame_interval'] is None


@pytest.mark.parametrize(
    'config',
    [
        dict(EIGHT, num_clips=2),
        dict(TEST, num_clips=2),
        dict(type='SampleFrames', clip_len=1, num_clips=5),
        dict(type='SampleFrames', clip_len=1, num_clips=3, twice_sample=True, test_mode=True),
        dict(type='UniformSample', clip_len=8),
        dict(type='DenseSampleFrames', clip_len=4, num_clips=2),
    ],
)
@pytest.mark.parametrize('start_index, total_frames', [(0, 100), (1, 100), (1, 6)])
def test_a_stream_gets_what_its_stock_sampler_draws(config, start_index, total_frames):
    np.random.seed(3)
    stock = TRANSFORMS.build(config)(sample(total_frames, start_index))
    np.random.seed(3)
    out = SampleStreamFrames(dict(a=config))(sample(total_frames, start_index))
    assert frames_of(out, 'a') == np.ravel(stock['frame_inds']).tolist()
    layout = out['stream_frames']['a']
    for key in ('clip_len', 'num_clips', 'frame_interval'):
        assert layout[key] == stock[key]


def test_frames_of_several_samplers_are_joined_once_each():
    out = SampleStreamFrames(
        dict(
            a=dict(
                type='SampleFrames', clip_len=1, num_clips=4, test_mode=True
            ),  # 5, 15, 25, 35 of 40
            b=dict(type='SampleFrames', clip_len=4, num_clips=1, frame_interval=5, test_mode=True),
        )
    )(sample(40))
    assert frames_of(out, 'a') == [5, 15, 25, 35]
    assert frames_of(out, 'b') == [12, 17, 22, 27]
    assert out['frame_inds'].tolist() == [5, 12, 15, 17, 22, 25, 27, 35]


def test_a_short_clip_loops_in_the_streams_own_order():
    out = SampleStreamFrames(dict(a=dict(TEST, frame_interval=1), b=dict(share='a', num_frames=3)))(
        sample(6, start_index=1)
    )
    assert frames_of(out, 'a') == [1, 2, 3, 4, 5, 6, 1, 2]
    assert frames_of(out, 'b') == [2, 4, 6]
    assert out['frame_inds'].tolist() == [1, 2, 3, 4, 5, 6]


def test_sharing_all_frames_keeps_the_layout_and_the_draw():
    transform = SampleStreamFrames(dict(face=dict(EIGHT, num_clips=2), body=dict(share='face')))
    drawn = set()
    for _ in range(10):
        out = transform(sample())
        assert frames_of(out, 'body') == frames_of(out, 'face')
        for view in np.reshape(frames_of(out, 'body'), (2, 8)):
            assert np.diff(view).tolist() == [2] * 7
        assert out['stream_frames']['body']['clip_len'] == 8
        assert out['stream_frames']['body']['num_clips'] == 2
        drawn.add(tuple(frames_of(out, 'face')))
    assert len(drawn) > 1


def test_num_frames_are_of_all_views_in_time_order():
    out = SampleStreamFrames(
        dict(
            a=dict(type='SampleFrames', clip_len=3, num_clips=2, frame_interval=4, test_mode=True),
            b=dict(share='a', num_frames=3),
        )
    )(sample(11))
    # the views start at 0 and at 2
    assert frames_of(out, 'a') == [0, 4, 8, 2, 6, 10]
    assert frames_of(out, 'b') == [2, 6, 10]


@pytest.mark.parametrize(
    'streams, message',
    [
        ({}, 'streams: expected a dict .* at least one'),
        (['face'], 'streams: expected a dict'),
        (dict(a={}), "stream 'a': expected either `type`"),
        (dict(a=EIGHT, b=dict(EIGHT, share='a')), "stream 'b': expected either `type`"),
        (dict(a=EIGHT, b=dict(share='c')), r"stream 'b': share: expected .* \(a\), found 'c'"),
        (dict(a=EIGHT, b=dict(share='a'), c=dict(share='b')), "stream 'c': share: .* found 'b'"),
        (dict(a=dict(share='a')), 'share: .*there is none'),
        (
            dict(a=EIGHT, b=dict(share='a', clip_len=3)),
            'expected share and num_frames, found clip_len',
        ),
        (dict(a=EIGHT, b=dict(share='a', num_frames=0)), 'num_frames: .* found 0'),
        (dict(a=EIGHT, b=dict(share='a', num_frames=2.0)), r'num_frames: .* found 2\.0'),
        (
            dict(a=EIGHT, b=dict(share='a', num_frames=9)),
            "at most the 8 frames that 'a' draws, found 9",
        ),
    ],
)
def test_impossible_streams_are_refused_when_built(streams, message):
    with pytest.raises(InputError, match=message):
        SampleStreamFrames(streams)


def test_a_sampler_that_samples_nothing_is_named():
    transform = SampleStreamFrames(dict(a=EIGHT, b=dict(type='Flip', flip_ratio=0)))
    with pytest.raises(InputError, match="'b'.*Flip did not set frame_inds"):
        transform(dict(sample(), imgs=[np.zeros((2, 2, 3))], modality='RGB'))


def test_frame_files_that_count_from_one_reach_their_stream(tmp_path):
    for k in range(6):  # frame k has the brightness 40 k
        cv2.imwrite(str(tmp_path / f'img_{k + 1:05}.png'), np.full((8, 8, 3), 40 * k, np.uint8))
    nothing = np.full((6, 1, 2), np.nan)
    out = Compose(
        [
            SampleStreamFrames(
                dict(face=dict(TEST, frame_interval=1), fullbody=dict(share='face', num_frames=3))
            ),
            TRANSFORMS.build(dict(type='RawFrameDecode')),
            TRANSFORMS.build(dict(type='CropRegions', regions=('face', 'fullbody'))),
            TRANSFORMS.build(
                dict(
                    type='ForEachStream',
                    transforms=dict(
                        face=[dict(type='FormatShape', input_format='NCTHW')],
                        fullbody=[dict(type='FormatShape', input_format='NCHW')],
                    ),
                )
            ),
        ]
    )(
        dict(
            sample(6, 1),
            frame_dir=str(tmp_path),
            modality='RGB',
            filename_tmpl='img_{:05}.png',
            face_landmarks=nothing,
            body_keypoints=nothing,
        )
    )
    assert out['face_imgs'].shape == (1, 3, 8, 8, 8)
    assert out['face_imgs'][0, 0, :, 0, 0].tolist() == [0, 40, 80, 120, 160, 200, 0, 40]
    assert out['fullbody_imgs'][:, 0, 0, 0].tolist() == [40, 120, 200]
