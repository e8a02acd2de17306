"""What cannot be exported as it was asked for."""

from __future__ import annotations

from pathlib import Path


class ExportError(ValueError):
    """Says the thing, its value, what was expected and the remedy. Nothing was written."""


class RefusedError(ExportError):
    """The daemon does not take a file, for what it is: its answer to what could be asked."""


def cannot_write(path: Path, error: OSError) -> ExportError:
    """Of a file in the making: nothing of it is left."""
    return ExportError(
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
