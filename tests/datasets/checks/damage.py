"""A data set to damage, in three forms, and a look at it."""

import shutil

from emoreact_plugin.datasets import EmoReactDataset
from emoreact_plugin.preparation.checking import check_all
from emoreact_plugin.preparation.split_check import make_check
from emoreact_plugin.recipes import build_pipeline
from tests.factories import FRAMES

SPLITS = ('train', 'val', 'test')
BOTH = ['landmarks', 'keypoints']
CLIP = 'TRAIN101_2'  # what is damaged, in line 3 of train.csv


def config(root, split, kind='video', **changes):
    """Of a data set whose samples have every frame of a clip."""
    prefix = dict(
        video=dict(video='videos'),
        crops=dict(crops='crops'),
        frames=dict(frames='frames', landmarks='videos', keypoints='videos'),
    )
    return dict(
        dict(
            type='EmoReactDataset',
            ann_file=f'{split}.csv',
            data_root=str(root),
            data_prefix=prefix[kind],
            filename_tmpl='{:06d}.png',
            required=[] if kind == 'crops' else BOTH,
            pipeline=build_pipeline(('face', 'body'), FRAMES, 32, source=kind),
            serialize_data=False,
            test_mode=True,
        ),
        **changes,
    )


def look(root, kind='video', **changes):
    """Check all splits and return the report."""
    return check_all(
        [make_check(split, config(root, split, kind, **changes)) for split in SPLITS], workers=2
    )


def found(report, levels=('error', 'warning')):
    """Return what is wrong, without the texts."""
    return [(f.level, f.kind, f.split, f.clip) for f in report.problems if f.level in levels]


def loads(root, kind='video', **changes):
    """Whether all samples of the data set itself can be loaded."""
    try:
        for split in SPLITS:
            data = config(root, split, kind, **changes)
            del data['type']
            data = EmoReactDataset(**data)
            for k in range(len(data)):
                data[k]
    except Exception:
        return False
    return True


def video(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4'


def openface(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4_openface' / f'{name}.csv'


def keypoints(root, name=CLIP):
    return root / 'videos' / f'{name}.mp4_hol.txt'


def frame(root, number):
    return root / 'frames' / CLIP / f'{number:06d}.png'


def crop(root, region, number):
    return root / 'crops' / CLIP / region / f'{number:06d}.jpg'


def edit(line, old, new):
    """Of train.csv."""

    def damage(root):
        path = root / 'train.csv'
        lines = path.read_text().split('\n')
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        path.write_text('\n'.join(lines))

    return damage


def no_landmarks_at_all(root):
    for path in root.glob('videos/TRAIN*_openface'):
        shutil.rmtree(path)


def list_masks(root, pattern):
    """List videos in ``masks.csv``, as if they had been masked beforehand."""
    rows = [f'{path.name},surgical,6,0' for path in sorted(root.glob(f'videos/{pattern}.mp4'))]
    (root / 'videos' / 'masks.csv').write_text(
        'path,mask,frames,unmasked_frames\n' + '\n'.join(rows) + '\n'
    )
