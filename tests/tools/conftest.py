import importlib.util
import sys
from pathlib import Path

import cv2
import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def calls(monkeypatch, capsys):
    """Return a function that makes a caller of a tool, as the shell calls it.

    A call returns (exit code, stdout, stderr). The tool itself is the caller's attribute ``tool``.
    """
    threads = cv2.getNumThreads()

    def make(name, *first):
        spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)

        def call(*arguments):
            monkeypatch.setattr(sys, 'argv', [f'{name}.py', *first, *arguments])
            code = 0
            try:
                tool.main()
            except SystemExit as end:
                code = end.code
                if isinstance(code, str):
                    print(code, file=sys.stderr)
                    code = 1
            return (code or 0, *capsys.readouterr())

        call.tool = tool
        return call

    yield make
    cv2.setNumThreads(threads)
