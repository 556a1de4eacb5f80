"""Run the tools of emoreact_plugin by one command, without a clone: ``emoreact train CONFIG``.

This file uses the standard library only, so that ``emoreact --help`` answers at once.
"""

import ast
import difflib
import importlib.util
import os.path as osp
import runpy
import sys
from glob import glob


def installed_folder() -> str:
    """Return the folder of the package's configs and tools, without importing it.

    Raises:
        SystemExit: If the package is not installed.
    """
    spec = importlib.util.find_spec('emoreact_plugin')
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit('error: emoreact_plugin is not installed')
    return osp.join(spec.submodule_search_locations[0], '.mim')


def commands(folder: str) -> dict[str, str]:
    """Return command -> path of its tool; ``make-sample-dataset`` is ``make_sample_dataset.py``."""
    paths = sorted(glob(osp.join(folder, 'tools', '*.py')))
    return {osp.basename(path)[:-3].replace('_', '-'): path for path in paths}


def summary_of(path: str) -> str:
    """Return the first line of the docstring of a tool."""
    with open(path, encoding='utf-8') as file:
        return (ast.get_docstring(ast.parse(file.read())) or '').split('\n')[0]


def find_config(folder: str, name: str) -> str:
    """Return the path of an installed config by its name, or the name itself if there is none.

    Args:
        folder (str): See :func:`installed_folder`.
        name (str): A name such as ``fusion`` or ``sample/fusion.py``. A file of this name in the
            working directory has priority.
    """
    if osp.exists(name) or name.startswith('-'):
        return name
    ending = name if name.endswith('.py') else f'{name}.py'
    paths = glob(osp.join(folder, 'configs', '*', '*.py'))
    found = [path for path in paths if path.replace(osp.sep, '/').endswith('/' + ending)]
    return found[0] if len(found) == 1 else name


def main() -> None:
    """Run the tool that the first argument names, with the other arguments."""
    folder = installed_folder()
    tools = commands(folder)
    if len(sys.argv) < 2 or sys.argv[1] in ('-h', '--help'):
        print('usage: emoreact COMMAND [ARGUMENTS]\n\ncommands:')
        width = max(map(len, tools))
        for name, path in tools.items():
            print(f'  {name:<{width}}  {summary_of(path)}')
        print('\nemoreact COMMAND --help explains one. A config may be given by its name:')
        print('emoreact train sample/fusion.py')
        return
    name = sys.argv[1].replace('_', '-')
    if name not in tools:
        near = difflib.get_close_matches(name, tools, 3)
        hint = f'; did you mean {" or ".join(near)}?' if near else '; emoreact --help lists them'
        raise SystemExit(f'error: no such command: {sys.argv[1]}{hint}')
    sys.argv = [tools[name], *(find_config(folder, each) for each in sys.argv[2:])]
    sys.path.insert(0, osp.dirname(tools[name]))
    runpy.run_path(tools[name], run_name='__main__')


if __name__ == '__main__':
    main()
