"""Tell what a pipeline does with masks, and with frames without a face or a body."""

from collections.abc import Callable, Iterator, Sequence

from emoreact_plugin.clips.regions import NEEDS

NO_MASK = 'no mask drawn'


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
    steps = list(steps_of(pipeline))
    regions = {name for step in steps for name in getattr(step, 'regions', ())}
    blackout: dict[str, str] = {}
    for step in steps:
        blackout.update(getattr(step, 'blackout', {}))
    # What the box of a region is made of; of a region without an entry, only `required` can tell.
    boxes = {
        kind
        for name in regions
        for kind in {*NEEDS.get(name, required)} - {*NEEDS.get(blackout.get(name, ''), ())}
    }
    lost: dict[str, list[str]] = {kind: [] for kind in required}
    for kind, text, happens in (
        ('landmarks', 'whole frame used', 'landmarks' in boxes),
        ('landmarks', 'face not blacked out', 'face' in blackout.values()),
        ('landmarks', NO_MASK, masked),
        ('keypoints', 'whole frame used', 'keypoints' in boxes),
    ):
        if happens:
            lost.setdefault(kind, []).append(text)
    return lost
