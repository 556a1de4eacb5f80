import shutil
from pathlib import Path

import cv2
import pytest

from emoreact_plugin.preparation.crops import extract_crops
from emoreact_plugin.transforms import CropRegions
from tests.factories import make_tiny, to_frames


@pytest.fixture(scope='session')
def whole(tmp_path_factory):
    """Clips that differ in their content, as videos, frames and crops."""
    data = make_tiny(tmp_path_factory.mktemp('whole'), counts=(3, 2, 2))
    for k, path in enumerate(sorted(data.root.glob('videos/*.mp4'))):
        with open(path, 'ab') as file:  # players skip a box named so
            file.write(b'\0\0\0\x0cfree' + k.to_bytes(4, 'big'))
    for names in data.videos.values():
        to_frames(data.root, names, 1)
    for k, folder in enumerate(sorted(data.root.glob('frames/*'))):
        for path in folder.iterdir():
            image = cv2.imread(str(path))
            image[0, 0] = 10 * k
            cv2.imwrite(str(path), image)
    extract_crops(
        [str(data.root / 'videos')],
        str(data.root / 'crops'),
        CropRegions(('face', 'body')),
        size=32,
    )
    for k, path in enumerate(sorted(data.root.glob('crops/*/face/000001*'))):
        with open(path, 'ab') as file:  # decoders stop at the image's end
            file.write(bytes([k]))
    return data.root


@pytest.fixture
def root(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / 'data'))
