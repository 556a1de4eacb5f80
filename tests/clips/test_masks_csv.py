import pytest

from emoreact_plugin import InputError
from emoreact_plugin.clips.masks_csv import MaskedClip, read_masks, write_masks

HEADER = 'path,mask,frames,unmasked_frames\n'


def test_what_is_written_is_read(tmp_path):
    clips = [
        MaskedClip('b, "c".mp4', 'cloth 1 2 3', 10, 0),
        MaskedClip('a/ä_mask_frames_full', 'surgical', 7, 3),
    ]
    records = {clip.path: clip for clip in clips}
    write_masks(str(tmp_path), records)
    assert read_masks(str(tmp_path)) == records
    text = (tmp_path / 'masks.csv').read_text(encoding='utf-8')
    assert text.splitlines()[:2] == [HEADER.strip(), 'a/ä_mask_frames_full,surgical,7,3']
    assert [path.name for path in tmp_path.iterdir()] == ['masks.csv']


def test_no_file_no_clips(tmp_path):
    assert read_masks(str(tmp_path)) == {}


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'expected the columns path, mask, .*, found none'),
        ('name,kind\n', 'found name, kind'),
        (
            HEADER + 'a,b,1,0\na,b,x,0\n',
            r"line 3: expected .* found \['a', 'b', "
            "'x', '0'",
        ),
        (HEADER + 'a,b,1\n', 'line 2: expected path, mask and two whole numbers'),
    ],
)
def test_another_file(tmp_path, text, message):
    (tmp_path / 'masks.csv').write_text(text)
    with pytest.raises(InputError, match=f'masks.csv.*{message}'):
        read_masks(str(tmp_path))


def test_no_text_file(tmp_path):
    (tmp_path / 'masks.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(InputError, match='masks.csv: expected a CSV file in'):
        read_masks(str(tmp_path))
