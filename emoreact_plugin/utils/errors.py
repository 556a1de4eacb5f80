"""Errors that a user can mend."""


class InputError(ValueError):
    """Refuse an input: a file, an option, a config or an array that a user can mend.

    The message names the file and the place in it, what was expected and what was found. The tools
    print it as one line. Every other error is a bug, and shows its traceback.
    """


class MissingPackageError(InputError, ImportError):
    """Refuse to go on without an optional package; the message says how to install it."""
