import shutil

import pytest

from emoreact_plugin import InputError
from emoreact_plugin.recipes import build_pipeline
from tests.factories import LOAD, LOAD_FRAMES, dataset, to_frames


class TestMaskedBeforehand:
    FRAMES = dict(frames='frames', landmarks='videos', keypoints='videos')
    MASKED = '_mask_frames_full'

    def folders(self, own, endings):
        """Each clip of train gets a folder of this ending."""
        to_frames(own.root, own.videos['train'], 1)
        for name, ending in zip(own.videos['train'], endings, strict=True):
            (own.root / 'frames' / name[:-4]).rename(own.root / 'frames' / f'{name[:-4]}{ending}')

    def data(self, own, pipeline=LOAD_FRAMES, **kwargs):
        kwargs = dict(dict(data_prefix=self.FRAMES), **kwargs)
        return dataset(own.root, pipeline=pipeline, filename_tmpl='{:06d}.png', **kwargs)

    @pytest.mark.parametrize('ending', ['', '.mp4', MASKED, f'.mp4{MASKED}'])
    def test_folders_are_found(self, own, ending):
        self.folders(own, [ending] * 3)
        data = self.data(own)
        masked = ending.endswith(self.MASKED)
        for i, name in enumerate(own.videos['train']):
            assert data[i]['frame_dir'] == str(own.root / 'frames' / f'{name[:-4]}{ending}')
            assert data[i]['masked_beforehand'] is masked
        assert data.summary() == '3 clips, 18 frames' + (', masked beforehand' if masked else '')

    def test_the_order_of_folders(self, own):
        endings = [f'.mp4{self.MASKED}', self.MASKED, '.mp4', '']
        self.folders(own, endings[:1] * 3)
        for ending in endings:
            for name in own.videos['train']:
                last = own.root / 'frames' / f'{name[:-4]}{ending}'
                if not last.exists():
                    shutil.copytree(own.root / 'frames' / f'{name[:-4]}{endings[0]}', last)
            data = self.data(own)
            assert data[2]['frame_dir'] == str(last)
            assert data[2]['masked_beforehand'] == (self.MASKED in ending)
        # all are there; a template says which
        for template in (
            '{clip}',
            '{video}',
            '{clip}_mask_frames_full',
            '{video}_mask_frames_full/',
        ):
            data = self.data(own, frame_dir_tmpl=template)
            assert data[2]['masked_beforehand'] == (self.MASKED in template)

    def test_no_folder_names_all_four(self, own):
        with pytest.raises(FileNotFoundError) as error:
            self.data(own)
        for name in ('{clip}', '{video}', '{clip}_mask_frames_full', '{video}_mask_frames_full'):
            assert name in str(error.value)
        with pytest.raises(FileNotFoundError) as error:
            self.data(own, frame_dir_tmpl='{clip}')
        assert self.MASKED not in str(error.value)

    @pytest.mark.parametrize(
        'mask',
        [
            dict(type='DrawFaceMask'),
            dict(type='RandomApply', transforms=[dict(type='DrawFaceMask')]),
            dict(type='RandomChoice', transforms=[[dict(type='DrawFaceMask')], []]),
            dict(type='ForEachStream', transforms=dict(body=[], face=[dict(type='DrawFaceMask')])),
        ],
        ids=lambda mask: mask['type'],
    )
    def test_masks_are_not_drawn_twice(self, own, mask):
        self.folders(own, [self.MASKED] * 3)
        with pytest.raises(InputError) as error:
            self.data(own, [*LOAD_FRAMES, mask])
        for part in (
            'train.csv',
            '3 clips masked',
            '--mask',
            str(own.root / 'frames' / f'{own.videos["train"][0][:-4]}{self.MASKED}'),
        ):
            assert part in str(error.value)

    def test_some_masked_and_some_not(self, own):
        self.folders(own, ['', self.MASKED, self.MASKED])
        with pytest.raises(InputError) as error:
            self.data(own)
        first, second, _ = (own.root / 'frames' / name[:-4] for name in own.videos['train'])
        assert f'2 masked (the first: {second}{self.MASKED})' in str(error.value)
        assert f'1 not masked (the first: {first})' in str(error.value)
        assert 'train.csv' in str(error.value)

    def test_videos_are_listed(self, own):
        # without folder names to tell
        lines = [f'{name},surgical,6,0' for name in own.videos['train']]
        path = own.root / 'videos' / 'masks.csv'
        header = 'path,mask,frames,unmasked_frames'
        path.write_text('\n'.join([header, *lines, 'other.mp4,kn95,9,0']))
        data = dataset(own.root, pipeline=LOAD)
        assert data[1]['masked_beforehand'] is True
        assert data.summary().endswith('masked beforehand')
        assert not dataset(own.root, 'val', LOAD)[0]['masked_beforehand']
        with pytest.raises(InputError, match='3 clips masked beforehand'):
            dataset(own.root, pipeline=build_pipeline(['face'], 3, 32, mask_kind='kn95'))
        path.write_text('\n'.join([header, *lines[:2]]))
        with pytest.raises(InputError, match='2 masked .* 1 not masked'):
            dataset(own.root)

    def test_a_list_elsewhere_says_nothing(self, own, monkeypatch):
        self.folders(own, [''] * 3)
        monkeypatch.chdir(own.root)
        for folder in ('.', 'frames', 'videos'):
            (own.root / folder / 'masks.csv').write_text('no list of masks')
        assert not self.data(own)[0]['masked_beforehand']
