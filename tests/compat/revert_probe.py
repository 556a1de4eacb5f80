"""What does each mend replace, and what is left of it after ``revert``?

Run as a script with the folder of the package it prints one JSON object: mend -> the names of what
it replaced, of what was not put back, and of what it replaced the second time.
"""

import importlib
import json
import sys
import types
import warnings

if __name__ == '__main__':
    from compat_probes import mends_alone

UPSTREAM = ('mmengine', 'mmcv', 'mmaction')


def is_upstream(name):
    return name.split('.')[0] in UPSTREAM


def contents():
    """Collect what a mend could replace: a name for each -> the object."""
    found = {'warnings.filters': tuple(warnings.filters)}
    for name, module in list(sys.modules.items()):
        if not is_upstream(name):
            continue
        if getattr(module, '__spec__', None) is None:
            found[f'sys.modules {name}'] = module
        for key, value in list(vars(module).items()):
            place = f'{name}.{key}'
            if getattr(value, '__spec__', None) is not None or key == '__warningregistry__':
                continue  # a submodule that something has imported by now
            found[place] = value
            if isinstance(value, type) and value.__module__ == name:
                found.update((f'{place}.{k}', v) for k, v in list(vars(value).items()))
            for entries in (value, getattr(value, 'module_dict', None)):
                if isinstance(entries, dict):
                    found.update((f'{place}[{k!r}]', v) for k, v in list(entries.items()))
    return found


def differing(one, other):
    pairs = ((key, one.get(key), other.get(key)) for key in one.keys() | other.keys())
    return sorted(k for k, a, b in pairs if a is not b and not (k == 'warnings.filters' and a == b))


def import_without_drn():
    names = [f'mmaction.models.localizers.drn{end}' for end in ('', '.drn')]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].DRN = None
    importlib.import_module('mmaction.models')
    for name in names:
        del sys.modules[name]


def main():
    warnings.simplefilter('ignore')
    compat = mends_alone(sys.argv[1])
    # All that the mends look at is imported first, with nothing mended: what they import is no
    # change of theirs.
    mends = {mend.name: mend for mend in compat.MENDS}
    if mends['drn_stub'].needed():
        import_without_drn()
    for name in ('mmengine.hub', 'mmengine.runner', 'mmaction.datasets', 'mmaction.engine'):
        importlib.import_module(name)
    report = {}
    for mend in compat.MENDS:
        if not mend.needed():
            continue
        before = contents()
        mend.mend()
        mended = differing(before, contents())
        compat.revert()
        left = differing(before, contents())
        mend.mend()
        again = differing(before, contents())
        compat.revert()
        report[mend.name] = dict(mended=mended, left=left, again=again)
    print(json.dumps(report))


if __name__ == '__main__':
    main()
