"""What is asked for, checked before anything is done."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .config import schema
from .differences import Tolerance
from .errors import ExportError
from .parts import all_parts, heeds_training
from .schema import check as check_schema

OLDEST_TORCH = (2, 1)
# As modeld.v1.ModelConfig says.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,127}")


def numbers_of(version: str) -> tuple[int, ...]:
    """(2, 13) of "2.13.0+cpu"."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def check_torch(version: str = torch.__version__) -> None:
    if numbers_of(version) < OLDEST_TORCH:
        raise ExportError(
            f"torch is {version}, expected at least {'.'.join(map(str, OLDEST_TORCH))}; pip install "
            "--upgrade torch"
        )


def check_default_dtype() -> None:
    """What forward makes of Python numbers is of it: another in the daemon than here."""
    dtype = torch.get_default_dtype()
    if dtype is not torch.float32:
        raise ExportError(
            f"torch's default dtype is {dtype}, expected torch.float32, which is the daemon's; call "
            "torch.set_default_dtype(torch.float32) first, and module.double() where that is meant"
        )


def as_calls(more_inputs: Iterable[Any]) -> list[Any]:
    """A tensor is iterable, too: by its rows."""
    if isinstance(more_inputs, (torch.Tensor, Mapping)):
        raise ExportError(
            f"more_inputs is a {type(more_inputs).__name__}, expected a list of what example_inputs may be; "
            "write [more_inputs]"
        )
    return as_list(more_inputs, "more_inputs", "what example_inputs may be")


def as_list(values: Any, name: str, kind: str) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise ExportError(f"{name} is {values!r}, expected a list of {kind}") from None


def check_name(name: str) -> None:
    if not isinstance(name, str):
        raise ExportError(f"name is {name!r}, expected a string; write {str(name)!r}")
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


def check_config(config: Any) -> None:
    """Raises ExportError: it is not as the schema says, or has another name than a file may."""
    whole = schema()
    # The daemon keeps what it does not know at the top as metadata: here it is rather a typo.
    check_schema(config, {**whole, "additionalProperties": False}, whole["$defs"])
    # Both are part of a file's name: nothing is written, or removed, outside of the directory.
    if "name" in config:
        check_name(config["name"])
    if "version" in config:
        check_version(config["version"])


def check_formats(formats: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(formats, str) or not isinstance(formats, Iterable):
        raise ExportError(f"formats is {formats!r}, expected a list; write [{formats!r}]")
    if not formats:
        raise ExportError(f"formats is empty, expected some of {', '.join(known)}")
    for format in formats:
        if format not in known:
            raise ExportError(f"format {format!r} is not known, expected some of {', '.join(known)}")
    twice = [format for format in formats if list(formats).count(format) > 1]
    if twice:
        raise ExportError(f"formats has {twice[0]!r} twice; name each once")


def check_labels(labels: Any) -> None:
    """Each is a line of a file."""
    if not isinstance(labels, Mapping):
        raise ExportError(
            f"labels is a {type(labels).__name__}, expected a mapping of outputs to their classes"
        )
    for output, texts in labels.items():
        for text in texts:
            if not isinstance(text, str) or not text or len(text.splitlines()) != 1:
                raise ExportError(
                    f"labels of {output!r} have {text!r}, expected strings of one line that are not empty"
                )


def check_tolerance(tolerance: Any) -> None:
    if not isinstance(tolerance, Tolerance):
        raise ExportError(f"tolerance is {tolerance!r}, expected modeld_export.Tolerance(rtol=…, atol=…)")
    for name in ("rtol", "atol"):
        value = getattr(tolerance, name)
        if not (isinstance(value, (int, float)) and math.isfinite(value) and value >= 0):
            raise ExportError(f"tolerance has {name} {value}, expected a finite number, 0 or more")


def check_output_names(names: Sequence[str]) -> None:
    if isinstance(names, str):
        raise ExportError(f"output_names is {names!r}, expected a list; write [{names!r}]")
    for name in as_list(names, "output_names", "names"):
        if not isinstance(name, str) or not name:
            raise ExportError(f"output_names has {name!r}, expected names that are not empty")
    twice = [name for name in names if list(names).count(name) > 1]
    if twice:
        raise ExportError(f"output_names has {twice[0]!r} twice; give each output a name of its own")


def check_evaluation(module: nn.Module) -> None:
    """Dropout and batch normalization compute otherwise while a module is trained."""
    training = [name or "the module" for name, part in module.named_modules() if part.training]
    if training:
        shown = ", ".join(training[:3]) + (f" and {len(training) - 3} more" if len(training) > 3 else "")
        raise ExportError(
            f"{shown}: in training mode, expected evaluation mode, for dropout and batch normalization; "
            "call module.eval() first"
        )
    missed = [name for name, part in all_parts(module) if part.training and heeds_training(part)]
    if missed:
        raise ExportError(
            f"{missed[0]!r} is in training mode: module.eval() does not reach it, as it is not "
            "registered; keep it in an attribute, nn.ModuleList or nn.ModuleDict"
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


def remove_earlier(file: Path) -> None:
    """What an earlier run made under this name: where this one is refused, a push would take the other."""
    samples = file.with_name(file.name + ".golden")
    try:
        if file.is_dir():
            raise ExportError(f"{str(file)!r} is a directory; move it away, or name another directory")
        file.unlink(missing_ok=True)
        if samples.is_dir():
            shutil.rmtree(samples)
    except OSError as error:
        raise ExportError(f"{str(file)!r} of an earlier run cannot be removed: {error.strerror}") from error
