"""Tell what a pipeline does with masks, landmarks, and frames without a face or a body."""

from collections.abc import Callable, Iterator, Sequence

from emoreact_plugin.clips.regions import NEEDS
from emoreact_plugin.utils.errors import InputError

from .annotations import Annotation

NO_MASK = 'no mask drawn'
LEFT_OUT = 'not sampled, unless the clip has no others'
# Transforms of MMAction2 and MMCV that move pixels, or may do so. One of one's own says
# `moves_pixels = True`.
GEOMETRIC = frozenset(
    (
        'CenterCrop',
        'Flip',
        'ImgAug',
        'MultiScaleCrop',
        'MultiScaleFlipAug',
        'Pad',
        'PoseCompact',
        'PytorchVideoWrapper',
        'RandomChoiceResize',
        'RandomCrop',
        'RandomFlip',
        'RandomRescale',
        'RandomResize',
        'RandomResizedCrop',
        'Resize',
        'TenCrop',
        'TestTimeAug',
        'ThreeCrop',
        'TorchVisionWrapper',
    )
)
# Transforms of MMAction2 that choose frames, with their subclasses, and those that load them.
SAMPLING = frozenset(
    ('SampleFrames', 'UniformSample', 'UniformSampleFrames', 'UntrimmedSampleFrames')
)
DECODING = frozenset(
    (
        'ArrayDecode',
        'DecordDecode',
        'OpenCVDecode',
        'PIMSDecode',
        'PoseDecode',
        'PyAVDecode',
        'RawFrameDecode',
    )
)
# Transforms of MMAction2 that count the frames of the whole video anew.
COUNTING = frozenset(('DecordInit', 'OpenCVInit', 'PIMSInit', 'PyAVInit'))


def steps_of(step: Callable) -> Iterator[Callable]:
    """Yield a transform and the transforms within it, as in a pipeline or a wrapper."""
    yield step
    inner = getattr(step, 'transforms', ())
    if isinstance(inner, dict):
        inner = inner.values()
    for each in [inner] if callable(inner) else inner:
        yield from steps_of(each)


def draws_masks(pipeline: Callable) -> bool:
    """Check whether a transform in a pipeline draws masks."""
    return any(getattr(step, 'draws_mask', False) for step in steps_of(pipeline))


def regions_of(pipeline: Callable) -> set[str]:
    """Return the regions that a pipeline uses."""
    return {name for step in steps_of(pipeline) for name in getattr(step, 'regions', ())}


def blackout_of(pipeline: Callable) -> dict[str, str]:
    """Map each region to the one that a pipeline fills with black in it."""
    found: dict[str, str] = {}
    for step in steps_of(pipeline):
        found.update(getattr(step, 'blackout', {}))
    return found


def hides_face(pipeline: Callable) -> bool:
    """Tell whether a pipeline cuts out the body and blacks out the face in it."""
    return blackout_of(pipeline).get('body') == 'face'


def max_gap_of(pipeline: Callable) -> int:
    """Return the longest gap, in frames, in which a pipeline interpolates the face."""
    return max(getattr(step, 'max_gap', 0) for step in steps_of(pipeline))


def check_order(pipeline: Callable) -> None:
    """Refuse a pipeline whose transforms are in an order that makes wrong inputs.

    - Landmarks belong to frames of one size and place, so no pixels may be moved before they are
      used. The transforms of ``ForEachStream`` may: they change the crops of the streams only.
    - Frames and landmarks are those of the frames that were chosen before they are loaded.
    - What uses landmarks or moves pixels needs the frames, or their size, so they are loaded first.
    - A mask is drawn on whole frames, so it is not seen in crops that were made before.

    Args:
        pipeline (Callable): A pipeline of transforms. A transform of one's own that moves pixels
            says ``moves_pixels = True``, one that uses landmarks ``needs_landmarks = True``, one
            that chooses frames ``samples_frames = True``, one that loads what belongs to them
            ``loads_frames = True``, one that draws masks ``draws_mask = True``.

    Raises:
        InputError: With the names of both transforms.
    """
    moved, used, loaded, cropped, decoded = (None,) * 5
    for step in getattr(pipeline, 'transforms', ()):
        inner = list(steps_of(step))
        sampler = _first(inner, _samples_frames)
        if sampler and loaded:
            raise InputError(
                f'pipeline: {sampler} chooses other frames after {loaded} has loaded those chosen '
                'before; expected it before that'
            )
        loaded = loaded or _first(inner, _loads_frames)
        mask = _first(inner, lambda each: getattr(each, 'draws_mask', False))
        if mask and cropped:
            raise InputError(
                f'pipeline: {mask} draws on whole frames after {cropped} has made the crops, which '
                'stay without a mask; expected it before that'
            )
        cropped = cropped or _first(inner, _makes_crops)
        inner = [step] if hasattr(step, 'streams') else inner
        user = _first(inner, _needs_landmarks)
        decoder = _first(inner, _gives_whole_frames)
        if decoder and (used or moved) and not decoded:
            raise InputError(
                f'pipeline: {used or moved} needs frames or their size, but comes before '
                f'{decoder}, which loads them; expected it after that'
            )
        decoded = decoded or decoder
        if user and moved:
            between = f'after {used} and ' if used else ''
            raise InputError(
                f'pipeline: {moved} comes {between}before {user}, which uses '
                'landmarks of the frames as they were before it; expected it after that, in '
                'ForEachStream'
            )
        used = used or user
        moved = moved or _first(inner, _moves_pixels)


def _first(steps: list[Callable], matches: Callable[[Callable], bool]) -> str | None:
    """Return the name of the first of some transforms that matches."""
    return next((type(step).__name__ for step in steps if matches(step)), None)


def _is_one_of(step: Callable, names: frozenset[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(step).__mro__)


def _moves_pixels(step: Callable) -> bool:
    return getattr(step, 'moves_pixels', False) or _is_one_of(step, GEOMETRIC)


def _samples_frames(step: Callable) -> bool:
    return getattr(step, 'samples_frames', False) or _is_one_of(step, SAMPLING)


def _loads_frames(step: Callable) -> bool:
    return getattr(step, 'loads_frames', False) or _is_one_of(step, DECODING)


def _needs_landmarks(step: Callable) -> bool:
    return getattr(step, 'needs_landmarks', False)


def _gives_whole_frames(step: Callable) -> bool:
    return _loads_frames(step) and not _needs_landmarks(step) and not _makes_crops(step)


def _makes_crops(step: Callable) -> bool:
    return bool(getattr(step, 'regions', ())) or _is_one_of(step, frozenset(('ForEachStream',)))


def check_parts(pipeline: Callable, ann_file: str, rows: Sequence[Annotation]) -> None:
    """Refuse a pipeline that would read frames outside of a clip that is a part of a video.

    Args:
        pipeline (Callable): A pipeline of transforms.
        ann_file (str): The annotation file, for the error message.
        rows (Sequence[Annotation]): Its rows.

    Raises:
        InputError: With the first such row and the transform.
    """
    row = next((row for row in rows if row.start or row.end is not None), None)
    names = [type(step).__name__ for step in steps_of(pipeline)]
    counting = next((name for name in names if name in COUNTING), None)
    if row is not None and counting is not None:
        raise InputError(
            f'{ann_file}, line {row.line}: the clip is a part of {row.video}, but {counting} in '
            'the pipeline makes it the whole video; expected DecodeVideo instead of it and of the '
            'decoder that belongs to it'
        )


def lost_without(pipeline: Callable, required: Sequence[str], masked: bool) -> dict[str, list[str]]:
    """Tell what becomes of a frame without landmarks or without keypoints.

    The result holds those of the two that are required or that the pipeline
    uses.

    Args:
        pipeline (Callable): A pipeline of transforms.
        required (Sequence[str]): ``'landmarks'`` and/or ``'keypoints'``.
        masked (bool): Whether masks are drawn, now or beforehand.

    Returns:
        dict[str, list[str]]: ``'landmarks'`` and/or ``'keypoints'`` -> the
        consequences of a frame without them, in words.
    """
    regions, blackout = regions_of(pipeline), blackout_of(pipeline)
    skips = masked and any(getattr(step, 'skips_unmasked', False) for step in steps_of(pipeline))
    # What the box of a region is made of; of a region without an entry, only `required` can tell.
    boxes = {
        kind
        for name in regions
        for kind in {*NEEDS.get(name, required)} - {*NEEDS.get(blackout.get(name, ''), ())}
    }
    falls_back = any(getattr(step, 'blackout_fallback', False) for step in steps_of(pipeline))
    black = 'head of the pose blacked out, if seen' if falls_back else 'face not blacked out'
    lost: dict[str, list[str]] = {kind: [] for kind in required}
    for kind, text, happens in (
        ('landmarks', 'whole frame used', 'landmarks' in boxes),
        ('landmarks', black, 'face' in blackout.values()),
        ('landmarks', LEFT_OUT if skips else NO_MASK, masked),
        ('keypoints', 'whole frame used', 'keypoints' in boxes),
    ):
        if happens:
            lost.setdefault(kind, []).append(text)
    return lost
