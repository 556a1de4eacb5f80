"""The tools are thin: they use public names of the package only."""

import ast
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.mark.parametrize(
    'path', sorted(TOOLS.rglob('*.py')), ids=lambda path: path.relative_to(TOOLS).as_posix()
)
def test_a_tool_imports_public_names_only(path):
    imported = [
        f'{node.module}.{each.name}'
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('emoreact_plugin')
        for each in node.names
    ]
    assert not [name for name in imported if '._' in name.replace('__version__', '')]
