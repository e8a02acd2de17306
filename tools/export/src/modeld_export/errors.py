"""What cannot be exported as it was asked for."""

from __future__ import annotations

import errno
from pathlib import Path


class ExportError(ValueError):
    """Says the thing, its value, what was expected and the remedy. Nothing was written."""


class RefusedError(ExportError):
    """The daemon does not take a file, for what it is: its answer to what could be asked."""


class WriteError(ExportError):
    """A file in the making cannot be written: nothing of it is left."""


# Of a disk or a quota, whatever is written; other errors are of what somebody looked for.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def is_of_the_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _OF_THE_DISK


def cannot_write(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"{path.name} cannot be written: {error.strerror or error}; free some space, or "
        "name another directory"
    )


def reason(error: BaseException) -> str:
    """What an error says, in one line that is long enough for the part that helps.

    TorchScript puts what was raised last, behind its own traceback.
    """
    text = str(error).strip()
    if text.startswith("The following operation failed in the TorchScript interpreter"):
        text = text.splitlines()[-1]
    return cut(text.removeprefix("RuntimeError: ")) or type(error).__name__


def cut(text: str, most: int = 400) -> str:
    """In one line."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
