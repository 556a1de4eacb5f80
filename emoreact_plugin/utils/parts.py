"""Tell what a part of a config is, however its type is written."""

from typing import Any

from mmengine.registry import Registry


def type_name(part: Any) -> str:
    """Return the bare name of the type of a part, which may be a name, a dotted name or a class.

    Args:
        part (dict): Config of a part. Its ``type`` is a name (``'SampleFrames'``), one with a scope
            (``'mmaction.SampleFrames'``), the path of a class
            (``'mmaction.datasets.transforms.SampleFrames'``) or a class.

    Returns:
        str: The name, such as ``'SampleFrames'``; ``'None'`` for what has no type.
    """
    kind = part.get('type') if isinstance(part, dict) else None
    return getattr(kind, '__name__', None) or str(kind).split('.')[-1]


def is_a(part: Any, *names: str, registry: Registry | None = None) -> bool:
    """Tell whether a part is of one of some types, or of a class that is derived from one.

    Nothing is imported: a class that neither the registry nor the config has loaded yet is known by
    its name only.

    Args:
        part (dict): Config of a part, see :func:`type_name`.
        *names (str): Bare names of types.
        registry (Registry, optional): Where the type is registered. Without it, a type given by its
            name has no base classes.
    """
    if type_name(part) in names:
        return True
    kind = class_of(part, registry)
    return kind is not None and any(base.__name__ in names for base in kind.__mro__)


def class_of(part: Any, registry: Registry | None = None) -> type | None:
    """Return the class of a part, if the config gives it or the registry has it already.

    Args:
        part (dict): Config of a part, see :func:`type_name`.
        registry (Registry, optional): Where a type given by its name is registered.
    """
    kind = part.get('type') if isinstance(part, dict) else None
    name = type_name(part)
    # Not registry.get(): that imports what it does not find.
    while not isinstance(kind, type) and registry is not None:
        kind = registry.module_dict.get(name)
        registry = registry.parent
    return kind if isinstance(kind, type) else None
