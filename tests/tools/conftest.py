import pytest

from tests.factories import call_tool, load_tool


@pytest.fixture
def calls():
    """Return a function that makes a caller of a tool, as the shell calls it.

    A call returns (exit code, stdout, stderr). The tool itself is the caller's attribute ``tool``.
    """

    def make(name, *first):
        def call(*arguments):
            return call_tool(call.tool, *first, *arguments)

        call.tool = load_tool(name)
        return call

    return make
