"""AOTInductor packages, and a TorchScript model with a custom operator, for tests.

`make_packages.py DIRECTORY --custom-ops LIBRARY` writes `classifier.pt2`, `mixed.pt2` and `custom.pt`; as a
module, `compile_package(path, module, ...)` does. Compiling takes seconds, so there are few.
"""

import argparse
from pathlib import Path
from typing import Any, Optional

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """Takes [n,4] with n up to 64, returns [n,3]: the sums of a row, one, two and three times."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3) * torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Mixed(nn.Module):
    """Two positional arguments and one by keyword; a dictionary that holds a tuple."""

    def forward(self, x: Tensor, index: Tensor, *, scale: Tensor) -> dict[str, Any]:
        return {"scaled": x * scale, "parts": (x + 1, index * 2)}


class Custom(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.modeld_test.twice(x) + 1


def compile_package(
    path: Path,
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    keywords: Optional[dict[str, Tensor]] = None,
    dynamic: Any = None,
) -> Path:
    exported = torch.export.export(module.eval(), arguments, keywords, dynamic_shapes=dynamic)
    torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
    return path


def classifier(path: Path) -> Path:
    rows = torch.export.Dim("rows", min=1, max=64)
    return compile_package(path, Classifier(), (torch.rand(5, 4),), dynamic={"x": {0: rows}})


def mixed(path: Path) -> Path:
    return compile_package(path, Mixed(), (torch.rand(2), torch.arange(3)), {"scale": torch.tensor([2.0])})


def custom(path: Path, library: str) -> Path:
    torch.ops.load_library(library)
    torch.jit.save(torch.jit.script(Custom()), str(path), _extra_files={"config.json": '{"version": "1.0"}'})
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--custom-ops", required=True)
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    custom(arguments.directory / "custom.pt", arguments.custom_ops)
    # Compiling takes long, and the code is the same every time.
    for make in (classifier, mixed):
        path = arguments.directory / f"{make.__name__}.pt2"
        if not path.exists() or path.stat().st_mtime < Path(__file__).stat().st_mtime:
            make(path)


if __name__ == "__main__":
    main()
