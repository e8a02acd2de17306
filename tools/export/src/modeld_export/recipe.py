"""Recipe: an export that stands in a file, for `modeld-export run recipe.py`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import ExportError


@dataclass(frozen=True)
class Recipe:
    """The arguments of export(); None: its own default."""

    module: Any
    example_inputs: Any
    name: str
    version: str
    formats: Sequence[str] = ("scripted",)
    dynamic: Mapping[str, Mapping[int, str]] | None = None
    output_names: Sequence[str] = ()
    labels: Mapping[str, Sequence[str]] | None = None
    config: Mapping[str, Any] | None = None
    tolerance: Any = None
    more_inputs: Iterable[Any] = field(default_factory=tuple)
    validation: Iterable[tuple[Any, Any]] = field(default_factory=tuple)
    metric: Any = None
    opset: int | None = None

    def arguments(self) -> dict[str, Any]:
        """For export(**arguments)."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: value for key, value in found.items() if value is not None}


def load_recipe(path: Path) -> Recipe:
    """What the file's function `recipe` returns.

    Raises:
      ExportError: there is no such file or function, or it returns something else.
    """
    if not path.is_file():
        raise ExportError(f"no recipe at {str(path)!r}; give the path of a Python file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ExportError(f"{str(path)!r} is not Python; a recipe is a file NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # TorchScript looks for the source of classes there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    make = getattr(module, "recipe", None)
    if not callable(make):
        raise ExportError(f"{str(path)!r} has no function recipe(); let it return a modeld_export.Recipe")
    made = make()
    if not isinstance(made, Recipe):
        raise ExportError(
            f"recipe() of {str(path)!r} returns {type(made).__name__}, expected a modeld_export.Recipe"
        )
    return made
