import pytest
import torch

from emoreact_plugin import InputError
from emoreact_plugin.datasets.bad_clips import refuse_above, skipped_line
from emoreact_plugin.engine.errors import clear_errors
from tests.factories import LOAD, LOAD_FRAMES, dataset

FRAMES = dict(frames='frames', landmarks='videos', keypoints='videos')
SOURCES = dict(
    video=(LOAD, dict(), 'videos/{}.mp4'),
    frames=(
        LOAD_FRAMES,
        dict(data_prefix=FRAMES, filename_tmpl='{:06d}.png'),
        'frames/{}/000004.png',
    ),
    crops=(
        [LOAD[0], dict(type='LoadCrops', regions=('face',))],
        dict(data_prefix=dict(crops='crops')),
        'crops/{}/face/000004.png',
    ),
)


def gone(path):
    path.unlink()


def empty(path):
    path.write_bytes(b'')


def other(path):
    path.write_bytes(b'no picture and no video')


def folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    'damage, workers', [(gone, 0), (gone, 1), (empty, 0), (other, 0), (folder, 0)]
)
@pytest.mark.parametrize('source', SOURCES)
def test_a_clip_that_goes_bad_is_named_in_one_line(source, damage, workers, root):
    pipeline, options, path = SOURCES[source]
    data = dataset(root, 'train', pipeline, **options)
    data.full_init()
    name = data.video_ids[1]
    file = next(root.glob(path.format(name).replace('.png', '*')))
    damage(file)
    with pytest.raises(SystemExit) as end, clear_errors():
        list(torch.utils.data.DataLoader(data, num_workers=workers, collate_fn=list))
    line, *hint = end.value.code.split('\n')
    assert line.startswith(f"error: clip '{name}' (") and len(hint) == 1
    assert str(file) in line


def test_an_error_of_a_stock_decoder_names_the_damaged_video(root):
    data = dataset(root, 'train', [dict(type='PyAVInit'), LOAD[0], dict(type='PyAVDecode')])
    data.full_init()
    other(root / 'videos' / f'{data.video_ids[1]}.mp4')
    with pytest.raises(
        InputError, match=rf"^clip '{data.video_ids[1]}' .*{data.video_ids[1]}.mp4: "
    ):
        data[1]


def bug(results):
    raise KeyError('imgs') if results['video_id'].endswith('1') else ValueError('odd')


@pytest.mark.parametrize('share', [0, 1])
def test_a_bug_in_a_transform_is_no_bad_clip(share, root):
    data = dataset(root, 'train', [*LOAD, bug], skip_bad_clips=share)
    with pytest.raises(RuntimeError, match=r"clip '\w+' \(.*mp4\): (KeyError|ValueError)"):
        data[0]


class TestSkipping:
    """Of three clips, the second is gone."""

    @staticmethod
    def data(root, split='train', share=0.34, bad=(1,)):
        pipeline = [*LOAD, dict(type='PackActionInputs', meta_keys=('video_id',))]
        data = dataset(root, split, pipeline, skip_bad_clips=share)
        data.full_init()
        for k in bad:
            (root / 'videos' / f'{data.video_ids[k]}.mp4').unlink()
        return data

    @pytest.mark.parametrize('workers', [0, 1, 2])
    def test_the_next_clip_stands_in_whatever_the_workers(self, workers, root):
        data = self.data(root)
        a, b, c = data.video_ids
        loader = torch.utils.data.DataLoader(data, num_workers=workers, collate_fn=list)
        for _ in range(2):
            samples = [batch[0]['data_samples'] for batch in loader]
            assert [each.video_id for each in samples] == [a, c, c]
            assert [each.get('skipped') for each in samples] == [None, b, None]
        assert data.bad_clips.names == [b]

    def test_the_last_clip_is_followed_by_the_first(self, root):
        data = self.data(root, bad=[2], share=0.5)
        assert data[2]['data_samples'].video_id == data.video_ids[0]

    def test_a_clip_that_was_bad_once_stays_out(self, root):
        data = self.data(root, bad=())
        path = root / 'videos' / f'{data.video_ids[1]}.mp4'
        path.rename(path.with_suffix('.away'))
        first = data[1]
        path.with_suffix('.away').rename(path)
        assert data[1]['data_samples'].video_id == first['data_samples'].video_id

    @pytest.mark.parametrize('workers', [0, 2])
    def test_more_than_the_share_is_an_error_that_names_a_clip(self, workers, root):
        data = self.data(root, bad=[0, 1])
        loader = torch.utils.data.DataLoader(data, num_workers=workers, collate_fn=list)
        with pytest.raises(SystemExit) as end, clear_errors():
            list(loader)
        line, _ = end.value.code.split('\n')
        assert line.startswith('error: 2 of 3 clips cannot be loaded, ') and '0.34' in line
        assert any(f"clip '{name}'" in line for name in data.video_ids[:2])

    def test_without_any_good_clip(self, root):
        data = self.data(root, bad=[0, 1, 2], share=1)
        with pytest.raises(InputError, match='none among 3'):
            data[0]


@pytest.mark.parametrize('share', [-0.1, 1.5, float('nan')])
def test_a_share_is_between_0_and_1(share, root):
    with pytest.raises(InputError, match='share'):
        dataset(root, 'train', LOAD, skip_bad_clips=share)


def test_a_share_counts_exactly():
    names = [str(k) for k in range(29)]
    refuse_above(0.29, names, 100)  # 0.29 * 100 is below 29
    with pytest.raises(InputError, match='30 of 100 clips'):
        refuse_above(0.29, [*names, '29'], 100)
    assert skipped_line(['a', 'b'], 432) == '2 of 432 clips were skipped: a, b'
