import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from emoreact_plugin import InputError
from emoreact_plugin.engine.auto_crops import make_crops
from emoreact_plugin.recipes import edit
from mmaction.registry import DATASETS
from tests.factories import FRAMES, small_config


@pytest.fixture
def cfg(own, tmp_path):
    cfg = small_config(
        data_root=str(own.root), dataset=dict(cache_dir=str(tmp_path / 'cache')), input='fusion'
    )
    cfg.crops = 'auto'
    return cfg


def made(cfg):
    """Return the times at which the crops of each clip were made."""
    folder = Path(cfg.train_dataloader.dataset.data_prefix.crops)
    return {each.parent.name: each.stat().st_mtime_ns for each in folder.glob('*/crops.json')}


def again(cfg):
    cfg = Config(cfg.to_dict())
    make_crops(cfg)
    return made(cfg)


def test_all_splits_read_the_crops_of_their_clips(cfg, own, capsys):
    plain = Config(cfg.to_dict())
    make_crops(cfg)
    assert 'crops of 7 clips, once, in' in capsys.readouterr().out
    assert set(made(cfg)) == {name[:-4] for names in own.videos.values() for name in names}
    assert 'crops' not in cfg
    for split in ('train', 'val', 'test'):
        data, videos = (
            DATASETS.build(each[f'{split}_dataloader'].dataset) for each in (cfg, plain)
        )
        assert data.video_ids == videos.video_ids
        # JPEG and, in val and test, a second resize change the pixels a little.
        for key, found in data[0]['inputs'].items():
            expected = videos[0]['inputs'][key]
            assert found.shape == expected.shape
            if split != 'train':
                assert (found.float() - expected.float()).abs().mean() < 3


def test_only_what_has_changed_is_made_anew(cfg, own, capsys):
    first = again(cfg)
    assert again(cfg) == first
    train, val = (own.root / 'videos' / own.videos[split][0] for split in ('train', 'val'))
    os.utime(train, (1, 1))
    csv = next((own.root / 'videos' / f'{val.name}_openface').iterdir())
    csv.write_text(csv.read_text() + '\n')
    second = again(cfg)
    assert {name for name in first if first[name] != second[name]} == {train.stem, val.stem}
    assert 'crops of 2 clips' in capsys.readouterr().out


def test_what_a_killed_run_has_made_is_kept(cfg):
    first = again(cfg)
    config = Config(cfg.to_dict())
    make_crops(config)
    folder = Path(config.train_dataloader.dataset.data_prefix.crops)
    (gone, *_) = first
    (folder / gone).rename(folder / f'.{gone}.part')
    second = again(cfg)
    assert {name for name in first if first[name] != second[name]} == {gone}
    assert set(json.loads((folder / 'sources.json').read_text())) == set(first)


def test_other_settings_have_another_folder(cfg):
    other = Config(cfg.to_dict())
    edit(other, dict(input='face'))
    folders = []
    for each in (cfg, other):
        make_crops(each)
        folders.append(each.train_dataloader.dataset.data_prefix.crops)
    assert folders[0] != folders[1] and not list(Path(folders[1]).glob('*/body'))


@pytest.mark.parametrize('prefix', [dict(frames='frames'), dict(crops='crops')])
def test_only_videos_are_cropped(cfg, prefix):
    cfg.train_dataloader.dataset.data_prefix = prefix
    with pytest.raises(InputError, match='expected an EmoReactDataset of videos, found'):
        make_crops(cfg)


def test_masks_of_a_training_are_no_crops(cfg):
    edit(cfg, dict(mask=True))
    with pytest.raises(InputError, match='no mask can be drawn on the crops'):
        make_crops(cfg)


def test_a_clip_that_cannot_be_read_is_named(cfg, own):
    name = own.videos['val'][1]
    data = (own.root / 'videos' / name).read_bytes()
    (own.root / 'videos' / name).write_bytes(data[:100])
    with pytest.raises(InputError, match=name):
        make_crops(cfg)


def test_a_disk_that_is_too_small(cfg, monkeypatch):
    monkeypatch.setattr('shutil.disk_usage', lambda path: SimpleNamespace(free=FRAMES))
    with pytest.raises(InputError, match='the crops need about'):
        make_crops(cfg)
