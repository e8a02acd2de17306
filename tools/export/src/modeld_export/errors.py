"""What cannot be exported as it was asked for."""

from __future__ import annotations

from pathlib import Path


class ExportError(ValueError):
    """Says the thing, its value, what was expected and the remedy. Nothing was written."""


def cannot_write(path: Path, error: OSError) -> ExportError:
    """Of a file in the making: nothing of it is left."""
    return ExportError(
        f"{path.name} cannot be written: {error.strerror or error}; free some space, or "
        "name another directory"
    )


def at_length(error: BaseException) -> str:
    """In one line that is long enough for the part that helps, which stands behind what failed."""
    text = " ".join(str(error).split())
    return text if len(text) <= 400 else text[:399] + "…"
