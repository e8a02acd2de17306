"""modeld_export beside its modules for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from modeld_export import Export, export


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def exported(tmp_path: Path) -> Any:
    """Exports into the test's own directory."""

    def make(module: torch.nn.Module, inputs: Any, formats: Any = ("traced",), **options: Any) -> Export:
        options.setdefault("name", "m")
        options.setdefault("version", "1.0")
        return export(module.eval(), inputs, directory=tmp_path / "out", formats=list(formats), **options)

    return make
