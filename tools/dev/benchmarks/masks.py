"""Measure how long drawing a face mask takes, against decoding the frame."""

from collections.abc import Iterator

from emoreact_plugin.transforms import DrawFaceMask
from emoreact_plugin.transforms.masks.shapes import KINDS

from .loading import LoadingData, Loads, decode_each
from .timing import Comparison, Group

DECODE = 'cv2.imdecode of the frame'


def mask_groups(data: LoadingData, repetitions: int, samples: int = 2) -> Iterator[Group]:
    """Yield a group of calls that draw a mask of each kind on the frames of samples.

    Args:
        data (LoadingData): The data set. Nothing is measured if its frames have masks already.
        repetitions (int): Number of repetitions.
        samples (int): Number of samples of a call; each has as many frames as segments.

    Raises:
        InputError: When there are neither frames nor videos to decode.
    """
    source = data.whole_source()
    loads = Loads(data, source, repetitions, samples)
    if loads.dataset.metainfo['masked']:
        return
    # What comes between the sampler and the crops.
    decoder, landmarks = data.pipeline('face', source).transforms[1:3]
    jpegs = [loads.jpegs(k) for k in range(repetitions)]
    loaded = [[landmarks(decoder(each)) for each in loads.sampled(k)] for k in range(repetitions)]

    def draw(kind):
        mask = DrawFaceMask(kind, seed=0)
        # Not in place: the frames are drawn on again.
        return lambda k: [mask({**sample, 'own_imgs': False}) for sample in loaded[k]]

    calls = {DECODE: lambda k: decode_each(jpegs[k]), **{kind: draw(kind) for kind in KINDS}}
    yield Group(
        'mask drawn on a frame',
        calls,
        dict.fromkeys(calls, loads.samples * data.num_segments),
        [Comparison(kind, DECODE) for kind in KINDS],
    )
