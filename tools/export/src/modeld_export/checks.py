"""What is asked for, checked before anything is done."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from torch import nn

from .errors import ExportError

OLDEST_TORCH = (2, 1)
# As modeld.v1.ModelConfig says.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,127}")


def check_torch(version: str = torch.__version__) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_TORCH:
        raise ExportError(
            f"torch is {version}, expected at least {'.'.join(map(str, OLDEST_TORCH))}; pip install "
            "--upgrade torch"
        )


def check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ExportError(
            f"name is {name!r}, expected 1 to 128 of a-z, 0-9, '.', '_' and '-', a letter or digit first; "
            f"try {_close_name(name)!r}"
        )


def _close_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:128] or "model"


def check_version(version: str) -> None:
    if not isinstance(version, str):
        raise ExportError(f"version is {version!r}, expected a string; write {str(version)!r}")
    if not _VERSION.fullmatch(version):
        raise ExportError(
            f"version is {version!r}, expected 1 to 128 of letters, digits, '.', '_', '+' and '-', "
            "a letter or digit first, as '1.0'"
        )


def check_evaluation(module: nn.Module) -> None:
    """Dropout and batch normalization compute otherwise while a module is trained."""
    training = [name or "the module" for name, part in module.named_modules() if part.training]
    if training:
        shown = ", ".join(training[:3]) + (f" and {len(training) - 3} more" if len(training) > 3 else "")
        raise ExportError(
            f"{shown}: in training mode, expected evaluation mode, for dropout and batch normalization; "
            "call module.eval() first"
        )


def check_directory(directory: Path) -> None:
    """Makes it where it is missing."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            f"directory {str(directory)!r} cannot be made: {error.strerror}; name one that can be written to"
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ExportError(
            f"directory {str(directory)!r} cannot be written to; change its mode, or name another"
        )
