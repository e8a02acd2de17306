"""TorchScript modules that do harm, each in one way, and archives that do it before they are loaded."""

# TorchScript knows the notation of typing only.
# ruff: noqa: UP006, UP035

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import List

import torch
from torch import Tensor, nn


class Segfault(nn.Module):
    """Reads far beyond its memory: the operator does not check the indices that it is given."""

    def forward(self, x: Tensor) -> Tensor:
        far = torch.full([3], 1 << 40)
        return torch.ops.aten._sparse_csr_tensor_unsafe(
            far, torch.full([4], 1 << 40), x[0], [2, 4]
        ).to_dense()


class Endless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        while bool(x.sum() > -1.0):
            x = x * 1.0
        return x


class Devouring(nn.Module):
    """Keeps all that it makes."""

    def forward(self, x: Tensor) -> Tensor:
        kept: List[Tensor] = []
        while len(kept) >= 0:
            kept.append(x.sum() + torch.zeros(1 << 22) + len(kept))
        return x


class Writing(nn.Module):
    """Makes a file, 400 bytes long."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_file(self.path, shared=True, size=100) + x.sum()


class Saving(nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, self.path)
        return x


class NotANumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - 2.0).log()


class Raising(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("never works")


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2.0


def _rewrite(source: Path, target: Path, entry_name: str, change: Callable[[bytes], bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            new.writestr(entry, change(data) if entry.filename.endswith(entry_name) else data)
    return target


def deep_pickle(source: Path, target: Path) -> Path:
    """Its data is a tuple in a tuple in a tuple, a million deep: LibTorch overflows its stack on it."""
    return _rewrite(source, target, "/data.pkl", lambda _: b"\x80\x02N" + b"\x85" * 1_000_000 + b".")


def deep_code(source: Path, target: Path) -> Path:
    """Its code has an expression that is nested so deep that LibTorch's parser overflows its stack."""
    return _rewrite(
        source, target, ".py", lambda code: code.replace(b"return ", b"return " + b"(" * 300_000, 1)
    )
