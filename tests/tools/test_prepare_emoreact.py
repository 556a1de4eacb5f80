import os
import shutil
from pathlib import Path

import pytest

from emoreact_plugin.datasets import EmoReactDataset, read_annotations
from tests.factories import FRAMES, make_tiny

# Split -> what the release calls its lists and its folder of videos.
NAMES = dict(train=('Train', 'Train'), val=('Val', 'Validation'), test=('Test', 'Test'))


@pytest.fixture
def data(tmp_path):
    """Make a dataset that is ready for training, clips with their landmarks."""
    return make_tiny(tmp_path / 'ready', counts=(3, 2, 2))


@pytest.fixture
def release(data):
    """Rearrange the dataset into the official layout."""
    root = data.root.parent / 'release'
    (root / 'Labels').mkdir(parents=True)
    for split, (name, folder) in NAMES.items():
        names = data.videos[split]
        (root / 'Labels' / f'{name}_names.txt').write_text(
            ''.join(f"'{video}'\n" for video in names) + '\n'
        )
        (root / 'Labels' / f'{split}_labels.text').write_text(
            ''.join(
                ','.join(map(str, row)) + f',{1 + i / 4}\n'
                for i, row in enumerate(data.labels[split])
            )
        )
        (root / 'Data' / folder).mkdir(parents=True)
        for path in data.root.glob(f'videos/{split.upper()}*'):
            path.rename(root / 'Data' / folder / path.name)
    return root


@pytest.fixture
def call(release, monkeypatch, calls):
    """Return a caller of the tool: (exit code, stdout, stderr)."""
    monkeypatch.chdir(release.parent)
    return calls('prepare_emoreact')


def tree(root):
    """Path -> bytes of every file, through links."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in Path(root).rglob('*')
        if path.is_file()
    }


def move_to(release, folder):
    """All videos into one folder."""
    (release / 'Data').rename(release / 'Before')
    (release / folder).mkdir(parents=True)
    for path in (release / 'Before').glob('*/*'):
        path.rename(release / folder / path.name)


def test_what_comes_next_is_said(call, release):
    out = call('release', '--out', 'out')[1]
    check, train = out.split('\n')[-3:-1]
    assert 'python tools/check_dataset.py out finds damaged ones' in check
    assert train == 'To train on it: --data-root out'
    assert 'extract_landmarks' not in out
    for path in release.glob('Data/*/*'):
        if path.suffix != '.mp4':
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    out = call('release', '--out', 'bare')[1]
    folder = os.path.join('bare', 'videos')
    assert f'tools/extract_landmarks.py {folder} --out {folder}\n' in out
    assert out.endswith('To train on it: --data-root bare\n')


def test_official_layout(call, data, release):
    code, out, err = call('release', '--out', 'out')
    assert code == 0 and '7 clips (train 3, val 2, test 2) and 14 files' in out
    assert 'WARNING: train: found 3 clips, the whole release has 432' in out
    assert 'val: found 2 clips, the whole release has 303' in out
    assert 'test: found 2 clips, the whole release has 367' in out
    for split in NAMES:
        dataset = EmoReactDataset(
            f'{split}.csv', [], data_root='out', required=('landmarks', 'keypoints')
        )
        assert dataset.video_ids == [n[:-4] for n in data.videos[split]]
        assert (dataset.labels == data.labels[split]).all()
        for i, sample in enumerate(map(dataset.get_data_info, range(len(dataset)))):
            assert sample['valence'] == 1 + i / 4
            assert sample['total_frames'] == FRAMES
        # The author's own files, but for how lines end.
        assert Path(f'out/{split}.csv').read_text() == (data.root / f'{split}.csv').read_text()
    links = [p for p in Path('out/videos').rglob('*') if not p.is_dir()]
    assert len(links) == 21 and all(p.is_symlink() for p in links)


@pytest.mark.parametrize('videos', ['Data/AllVideos', 'AllVideos', 'videos', 'data/allvideos'])
@pytest.mark.parametrize('tables', [None, '', 'Labels'])
def test_layouts_give_the_same(call, data, release, videos, tables):
    call('release', '--out', 'first')
    move_to(release, videos)
    if tables is not None:
        for path in (release / 'Labels').iterdir():
            path.unlink()
        for split in NAMES:
            (data.root / f'{split}.csv').rename(release / tables / f'{split}.csv')
    assert call('release', '--out', 'second')[0] == 0
    for split in NAMES:
        name = f'{split}.csv'
        assert Path('first', name).read_bytes() == Path('second', name).read_bytes()
    names = [
        sorted(str(p.relative_to(root)) for p in Path(root).rglob('*'))
        for root in ('first', 'second')
    ]
    assert names[0] == names[1] and len(names[0]) == 3 + 1 + 7 * 4
    assert len(tree('second')) == 3 + 7 * 3  # no link leads nowhere


def test_names_in_another_case(call, release):
    labels = release / 'Labels'
    (labels / 'Train_names.txt').rename(labels / 'TRAIN_Names.TXT')
    (labels / 'Val_names.txt').rename(labels / 'Validation_names.txt')
    labels.rename(release / 'labels')
    assert call('release', '--out', 'out')[0] == 0
    assert len(read_annotations('out/train.csv')) == 3


def test_the_release_stays_as_it_is(call, release):
    before = tree(release)
    call('release', '--out', 'out')
    call('release', '--out', 'copied', '--copy')
    assert tree(release) == before


def test_copies(call):
    call('release', '--out', 'linked')
    code, out, _ = call('release', '--out', 'out', '--copy')
    assert code == 0 and tree('out') == tree('linked')
    assert not any(p.is_symlink() for p in Path('out').rglob('*'))
    # Links that are there become copies, copies stay what they are.
    code, out, _ = call('release', '--out', 'linked', '--copy')
    assert code == 0 and '3 files there already' in out
    assert not any(p.is_symlink() for p in Path('linked').rglob('*'))
    assert '24 files there already' in call('release', '--out', 'out')[1]


@pytest.mark.parametrize('more', [[], ['--copy']])
def test_folders_of_frames_stand_for_videos(call, data, release, more):
    """As the published system has them."""
    images = {}
    for video in (release / 'Data').rglob('*.mp4'):
        folder = video.with_name(f'{video.stem}_frames_full')
        folder.mkdir()
        for k in range(1, FRAMES + 1):
            images[f'videos/{folder.name}/{k:06d}.jpg'] = content = f'{video.name} {k}'.encode()
            (folder / f'{k:06d}.jpg').write_bytes(content)
        video.unlink()
    assert call('release', '--out', 'out', *more)[0] == 0
    out = Path('out')
    found = {name: (out / name).read_bytes() for name in images}
    assert found == images
    assert all(each.is_symlink() != bool(more) for each in (out / 'videos').glob('*_frames_full'))
    assert call('release', '--out', 'out', *more)[0] == 0  # and again
    if more:
        (out / sorted(images)[0]).write_bytes(b'another')
        assert call('release', '--out', 'out', *more)[0] == 1


def test_where_links_cannot_be_made(call, monkeypatch):

    def refuse(*args):
        raise OSError(1, 'Operation not permitted')

    monkeypatch.setattr(os, 'symlink', refuse)
    code, out, _ = call('release', '--out', 'out')
    assert (
        code == 0
        and ('links cannot be made in out (Operation not permitted), the files were copied') in out
    )
    assert len(tree('out')) == 24


def test_again(call):
    call('release', '--out', 'out')
    before = {p: os.lstat(p).st_mtime_ns for p in Path('out').rglob('*')}
    Path('out/videos/TRAIN100_2.mp4').unlink()
    code, out, _ = call('release', '--out', 'out')
    assert code == 0 and '23 files there already' in out
    after = {p: os.lstat(p).st_mtime_ns for p in Path('out').rglob('*')}
    assert {p for p in before if p.is_file() and before[p] != after[p]} == {
        Path('out/videos/TRAIN100_2.mp4')
    }
    assert set(before) == set(after)


def test_unlike_files_stay(call):
    call('release', '--out', 'out', '--copy')
    Path('out/test.csv').write_text('mine')
    Path('out/videos/VAL100_2.mp4').write_bytes(b'mine')
    Path('out/videos/VAL101_2.mp4').unlink()
    Path('out/videos/VAL101_2.mp4').symlink_to('nowhere')
    Path('out/videos/VAL100_2.mp4_hol.txt').unlink()
    before = tree('out')
    code, _, err = call('release', '--out', 'out')
    assert code == 1 and '3 of 24 files to write are there already' in err
    for name in ('test.csv', 'videos/VAL100_2.mp4', 'videos/VAL101_2.mp4'):
        assert f'\n{Path("out", name)}\n' in err
    assert tree('out') == before


@pytest.mark.parametrize('out', ['release', 'release/new', 'link'])
def test_out_within_the_release(call, release, out):
    Path('link').symlink_to(release)
    before = tree(release)
    code, _, err = call('release', '--out', out)
    assert code == 1 and 'expected an output folder outside' in err
    assert tree(release) == before and not Path('release/new').exists()


def test_all_missing_videos_are_named(call, release):
    (release / 'Data/Train/TRAIN101_2.mp4').unlink()
    (release / 'Data/Test/TEST100_2.mp4').unlink()
    code, _, err = call('release', '--out', 'out')
    assert code == 1 and 'release: 2 of 7 videos are neither in' in err
    assert '\ntrain: TRAIN101_2.mp4\ntest: TEST100_2.mp4\n' in err
    assert not Path('out').exists()


def test_videos_with_masks(call, release):
    (release / 'Data/Validation/masks.csv').write_text(
        'path,mask,frames,unmasked_frames\nVAL100_2.mp4,surgical,6,0\n'
    )
    code, _, err = call('release', '--out', 'out')
    assert code == 1 and 'VAL100_2.mp4: expected a clip without masks, found masks on 1' in err


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    'name, old, new, message',
    [
        (
            'Train_names.txt',
            "'TRAIN101_2.mp4'\n",
            '',
            'train_labels.text: expected 2 lines, as release/Labels/Train_names.txt has, found 3',
        ),
        (
            'Train_names.txt',
            "'TRAIN101_2.mp4'",
            '',
            "Train_names.txt, line 2: expected a name between single quotes, found ''",
        ),
        (
            'Train_names.txt',
            "'TRAIN101_2.mp4'",
            "'TRAIN101_2.mp4",
            'Train_names.txt, line 2: expected a name between single quotes',
        ),
        (
            'Train_names.txt',
            'TRAIN101_2',
            '../../TRAIN101_2',
            'Train_names.txt, line 2: expected a video name within the folder',
        ),
        (
            'Train_names.txt',
            'TRAIN101_2',
            'TRAIN100_2',
            "Train_names.txt, line 2: video 'TRAIN100_2.mp4': its id 'TRAIN100_2' is that of",
        ),
        (
            'Test_names.txt',
            'TEST101_2',
            'TRAIN100_2',
            "clip 'TRAIN100_2' stands in test and in train",
        ),
        ('val_labels.text', ',1.25', ',1.25,0', 'val_labels.text, line 2: expected 9 values'),
        ('val_labels.text', ',1.25', '', 'val_labels.text, line 2: expected 9 values'),
        (
            'val_labels.text',
            '0,0,1.25',
            '0,2,1.25',
            "val_labels.text, line 2, Frustration: expected 0 or 1, found '2'",
        ),
        (
            'val_labels.text',
            '1.25',
            'x',
            "val_labels.text, line 2, Valence: expected a number, found 'x'",
        ),
        (
            'val_labels.text',
            '1.25',
            '7.5',
            "val_labels.text, line 2, Valence: expected 1 to 7, found '7.5'",
        ),
    ],
)
def test_errors_in_the_lists(call, release, name, old, new, message):
    edit(release / 'Labels' / name, old, new)
    code, _, err = call('release', '--out', 'out')
    assert code == 1 and message in err and not Path('out').exists()


def test_lists_that_cannot_be_read(call, release):
    path = release / 'Labels/Test_names.txt'
    path.write_bytes(b"'\xff'")
    assert 'Test_names.txt: expected text in UTF-8' in call('release', '--out', 'out')[2]
    path.write_text('\n\n')
    assert (
        'Test_names.txt: expected a line a clip, found none' in call('release', '--out', 'out')[2]
    )
    path.unlink()
    assert (
        'release: expected Labels/Test_names.txt beside Labels/test_labels'
        '.text, or test.csv, found release/Labels/test_labels.text'
    ) in call('release', '--out', 'out')[2]
    path.with_name('test_Names.txt').write_text("'a.mp4'\n")
    path.with_name('TEST_names.text').write_text("'a.mp4'\n")
    assert ('Labels: expected one of these, found TEST_names.text and test_Names.txt') in call(
        'release', '--out', 'out'
    )[2]
    assert 'nowhere: no such folder' in call('nowhere', '--out', 'out')[2]


def test_lists_and_tables_have_to_agree(call, data, release):
    (data.root / 'val.csv').rename(release / 'val.csv')
    assert call('release', '--out', 'out')[0] == 0
    edit(release / 'val.csv', '0,VAL100_2.mp4,1', '0,VAL100_2.mp4,0')
    code, _, err = call('release', '--out', 'out')
    assert (
        code == 1
        and (
            'release/val.csv: expected the same as in release/Labels/val_labels'
            ".text, found another row of 'VAL100_2.mp4'"
        )
        in err
    )


def test_it_can_be_stopped(call, monkeypatch):

    def stop(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(call.tool, 'prepare_release', stop)
    code, out, _ = call('release', '--out', 'out')
    assert code == 130 and out == 'stopped; the same command goes on\n'
