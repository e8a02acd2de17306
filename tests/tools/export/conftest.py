"""modeld_export beside its modules for tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from modeld_export import Export, export

# AOTInductor's files lie in one directory of the user's, by what they hold: two workers that compile the same
# package at once would write the same ones. (What compiles is asked for the directory when it needs it.)
_worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(
    Path(tempfile.gettempdir(), f"modeld-inductor-{os.getuid()}-{_worker}")
)


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
