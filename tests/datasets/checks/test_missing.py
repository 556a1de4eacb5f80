import shutil

import numpy as np
import pytest

from emoreact_plugin import InputError
from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.video import reading as video
from tests.factories import HEIGHT, WIDTH, dataset, make_tiny, to_frames, write_video

BOTH = ('landmarks', 'keypoints')
REMEDY = 'out of the annotation file'


@pytest.fixture
def root(tmp_path):
    return make_tiny(tmp_path / 'data', counts=(3, 2, 2)).root


def without_landmarks(root, name='TRAIN101_2'):
    shutil.rmtree(root / 'videos' / f'{name}.mp4_openface')
    return root / 'videos' / f'{name}.mp4'


def cut_off(path):
    """Its end, and with it the index of its frames, is missing."""
    path.write_bytes(path.read_bytes()[:-400])


def damage_the_middle(path):
    """One frame of noise becomes another noise; all others stay."""
    rng = np.random.default_rng(0)
    write_video(path, rng.integers(0, 256, (30, HEIGHT, WIDTH, 3), np.uint8))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)


def test_a_missing_video_has_a_remedy(root):
    (root / 'videos' / 'TRAIN101_2.mp4').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 3 clips are not') as e:
        dataset(root)
    assert REMEDY in str(e.value)
    assert 'tools/check_dataset.py lists all' in str(e.value)


@pytest.mark.parametrize(
    'damage, reason',
    [
        (cut_off, 'expected a video, found a file of'),
        (damage_the_middle, 'damaged near frame'),
        (lambda path: path.write_bytes(b''), 'found a file of 0 bytes'),
    ],
)
def test_damaged_videos_are_told_from_missing_landmarks(root, damage, reason):
    """Expect no advice to use --allow-missing, which does not help here.

    The tool that makes landmarks cannot read these videos, and training could not either.
    """
    damage(without_landmarks(root))
    with pytest.raises(InputError, match='Some of these videos are damaged') as error:
        dataset(root, required=BOTH)
    text = str(error.value)
    assert '1 of 3 clips have no landmarks' in text and reason in text
    assert REMEDY in text and '--allow-missing' not in text
    # With it, the same remedy.
    with pytest.raises(InputError, match='1 of 3 clips cannot be used') as e:
        dataset(root, required=BOTH, allow_missing=True)
    assert reason in str(e.value)
    assert 'out of the annotation file' in str(e.value)


def test_whole_videos_without_landmarks(root):
    without_landmarks(root)
    with pytest.raises(FileNotFoundError, match='1 of 3 clips have') as error:
        dataset(root, required=BOTH)
    assert '--allow-missing takes these clips' in str(error.value)
    assert 'tools/extract_landmarks.py' in str(error.value)
    assert 'damaged' not in str(error.value)


def test_frames_are_no_videos(root):
    to_frames(root, [f'TRAIN10{k}_2.mp4' for k in range(3)], 1)
    without_landmarks(root)
    prefix = dict(frames='frames', landmarks='videos')
    with pytest.raises(FileNotFoundError, match='--allow-missing'):
        dataset(root, required=['landmarks'], filename_tmpl='{:06d}.png', data_prefix=prefix)


class TestWithoutOpening:
    @pytest.fixture(autouse=True)
    def no_decoding(self, monkeypatch):

        def refuse(path):
            raise AssertionError(path)

        monkeypatch.setattr(video, 'open_video', refuse)

    @staticmethod
    def check(root, **kwargs):
        EmoReactDataset('train.csv', [], str(root), lazy_init=True, **kwargs).check_files()

    def test_all_there(self, root, tmp_path):
        cache = tmp_path / 'cache'
        self.check(root, required=BOTH, cache_dir=str(cache))
        assert not cache.exists()

    def test_missing(self, root):
        (root / 'videos' / 'TRAIN102_2.mp4_hol.txt').unlink()
        self.check(root, required=BOTH[:1])
        self.check(root, required=BOTH, allow_missing=True)
        for path in root.glob('videos/TRAIN*_hol.txt'):
            path.unlink()
        with pytest.raises(FileNotFoundError, match='none of 3 .* keypoints'):
            self.check(root, required=BOTH, allow_missing=True)
        (root / 'videos' / 'TRAIN101_2.mp4').unlink()
        with pytest.raises(FileNotFoundError, match='1 of 3 clips are not'):
            self.check(root)

    def test_crops(self, root):
        (root / 'crops' / 'TRAIN100_2').mkdir(parents=True)
        with pytest.raises(
            FileNotFoundError,
            match='2 of 3 .*TRAIN101_2.*tools/extract_frames.py --as crops',
        ):
            self.check(root, data_prefix=dict(crops='crops'))

    def test_annotations(self, root):
        (root / 'train.csv').write_text('video\n')
        with pytest.raises(InputError, match="expected a column 'Curiosity'"):
            self.check(root)
