"""Which sizes a package's machine code takes: it was compiled for them, and the daemon refuses others."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# From PyTorch 2.6 on a package's C++ source says so, in messages of several literals.
_TOO_FEW = re.compile(r"input_handles\[(\d+)\]: dim value is too small at (\d+), .*?>= (\d+)")
_TOO_MANY = re.compile(r"input_handles\[(\d+)\]: dim value is too large at (\d+), .*?<= (\d+)")
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


@dataclass(frozen=True)
class Bounds:
    """Of one dimension of an input."""

    name: str
    axis: int
    least: int = 1
    most: int | None = None

    def __str__(self) -> str:
        sizes = f"{self.least} to {self.most}" if self.most is not None else f"at least {self.least}"
        return f"dimension {self.axis} of {self.name!r} is {sizes}"


def bounds(path: Path, names: Sequence[str]) -> list[Bounds]:
    """Of the dimensions that are limited, by the names of its inputs. Of a dynamic one each compiler says at
    least 2, where the daemon takes 1 all the same."""
    with zipfile.ZipFile(path) as archive:
        sources = [
            archive.read(entry).decode(errors="replace")
            for entry in archive.namelist()
            if entry.endswith(".cpp")
        ]
    found: dict[tuple[int, int], Bounds] = {}
    for source in sources:
        for statement in source.split(";"):
            if "input_handles[" not in statement or "dim value is too" not in statement:
                continue
            text = "".join(_LITERAL.findall(statement))
            for pattern, key in ((_TOO_FEW, "least"), (_TOO_MANY, "most")):
                match = pattern.search(text)
                if match is None:
                    continue
                index, axis, size = (int(part) for part in match.groups())
                if index >= len(names) or (key == "least" and size <= 2):
                    continue
                old = found.get((index, axis), Bounds(names[index], axis))
                found[index, axis] = (
                    Bounds(old.name, axis, size, old.most)
                    if key == "least"
                    else Bounds(old.name, axis, old.least, size)
                )
    return [found[place] for place in sorted(found)]
