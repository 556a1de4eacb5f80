import json

import numpy as np
import pytest

from emoreact_plugin.experiments import (
    LeftOut,
    Scores,
    clips_with_landmarks,
    make_table,
    read_cues,
    sample_claims,
)

EMOTIONS = dict(
    Smile=dict(region='mouth', part='face', only_in_order=False),
    Wave=dict(region='arm', part='body', only_in_order=False),
    Rise=dict(region='arm', part='body', only_in_order=True),
)
VIDEOS = tuple(f'A{child}_{take}' for child in range(60) for take in (1, 2))
LABELS = np.random.default_rng(0).integers(0, 2, (len(VIDEOS), 3))
# Which of Smile, Wave and Rise a row reads.
READS = {
    'tsn-face-masked': (0, 0, 0),
    'tsn-body-masked': (0, 1, 0),
    'tsn-fullbody-masked': (0, 1, 0),
    'tsm-fusion-masked': (0, 1, 1),
    'tsn-face': (1, 0, 0),
}


def scores(**changed):
    rows = {name: changed.get(name.replace('-', '_'), reads) for name, reads in READS.items()}
    out = {}
    for k, (name, reads) in enumerate(rows.items()):
        noise = np.random.default_rng(k).normal(size=(3, *LABELS.shape))
        child = dict(child=tuple(v.split('_')[0] for v in VIDEOS))
        out[name] = Scores(3.0 * LABELS * reads + noise, LABELS, VIDEOS, tuple(EMOTIONS), child)
    return out


def verdicts(rows):
    claims = sample_claims(LeftOut(rows), list(rows), EMOTIONS)
    return {claim.text: claim.holds for claim in claims}


def test_the_drawn_cues_are_found():
    found = verdicts(scores())
    # 0.5 within an interval of at most 0.2: 120 clips leave it wider
    zero = {text for text in found if text.endswith(': 0.5')}
    assert all(holds for text, holds in found.items() if text not in zero)
    assert len(found) == 12 and len(zero) == 5


def test_what_is_lost_is_found_to_be_with_clips_enough():
    labels = np.random.default_rng(3).integers(0, 2, (1000, 3))
    videos = tuple(f'A{k}_{take}' for k in range(500) for take in (1, 2))
    rows = {
        name: Scores(
            3.0 * labels * reads + np.random.default_rng(k).normal(size=(3, *labels.shape)),
            labels,
            videos,
            tuple(EMOTIONS),
        )
        for k, (name, reads) in enumerate(READS.items())
    }
    found = verdicts(rows)
    assert len(found) == 12 and all(found.values()), found


@pytest.mark.parametrize(
    'changed, text',
    [
        (dict(tsn_face=(0, 0, 0)), 'tsn-face: mouth cues are there'),
        (dict(tsn_face_masked=(1, 0, 0)), 'tsn-face-masked: mouth cues are lost'),
        (dict(tsn_body_masked=(0, 0, 0)), 'tsn-body-masked: body cues'),
        (dict(tsn_face=(1, 1, 0)), 'tsn-face: body cues are not in'),
        (dict(tsn_body_masked=(1, 1, 0)), 'tsn-body-masked: face cues are not in'),
        (dict(tsm_fusion_masked=(0, 1, 0)), 'tsm-fusion-masked: order cues'),
        (dict(tsn_fullbody_masked=(0, 1, 1)), 'tsn-fullbody-masked: order cues'),
        (dict(tsm_fusion_masked=(0, 1, 0)), 'tsm-fusion-masked minus tsn-body-masked'),
    ],
)
def test_what_is_not_there_is_not_claimed(changed, text):
    found = verdicts(scores(**changed))
    told = [holds for claim, holds in found.items() if claim.startswith(text)]
    assert told == [False]


def test_a_cue_that_is_half_read_is_neither_read_nor_lost():
    found = verdicts(scores(tsn_face_masked=(0.3, 0, 0)))
    (text,) = (t for t in found if t.startswith('tsn-face-masked: mouth'))
    assert not found[text]


def test_only_the_rows_that_are_there_are_held_against_the_cues():
    rows = {name: scores()[name] for name in ('tsn-face', 'tsn-body-masked')}
    assert len(verdicts(rows)) == 5
    table = make_table(rows, cues=EMOTIONS)
    assert len(table.claims) == 5
    assert make_table(rows).claims == []


def test_clips_whose_landmarks_miss_a_frame_are_left_out(tmp_path):
    assert read_cues(str(tmp_path)) is None
    (tmp_path / 'cues.json').write_text(
        json.dumps(
            dict(
                clips={
                    'a.mp4': dict(split='test'),
                    'b.mp4': dict(split='test'),
                    'c.mp4': dict(split='train'),
                },
                clips_with_missing_landmarks=dict(test=['b.mp4'], train=[]),
            )
        )
    )
    assert clips_with_landmarks(read_cues(str(tmp_path))) == {'a'}
    kept = scores()['tsn-face'].only({'A1_2', 'A0_1'})
    assert kept.video_ids == ('A0_1', 'A1_2')
    np.testing.assert_array_equal(kept.labels, LABELS[[0, 3]])
    np.testing.assert_array_equal(kept.logits, scores()['tsn-face'].logits[:, [0, 3]])
