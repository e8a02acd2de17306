"""Recipe: an export that stands in a file, for `modeld-export run recipe.py`."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def _guarded(path: Path, act: Callable[[], Any]) -> Any:
    """What it returns. What it raises is an ExportError, with the line of the recipe."""
    try:
        return act()
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        raise ExportError(
            f"{_place(path, error)} ended the program (sys.exit({error.code!r})); a recipe returns a Recipe"
        ) from error
    except Exception as error:
        raise ExportError(f"{_place(path, error)} raised {type(error).__name__}: {error}") from error


def _place(path: Path, error: BaseException) -> str:
    """FILE:LINE, of the innermost call that stands in the recipe itself."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).name == path.name
    ]
    return f"{path.name}:{lines[-1]}" if lines else path.name


def load_recipe(path: Path) -> Recipe:
    """What the file's function `recipe` returns.

    Raises:
      ExportError: there is no such file or function, or it returns something else.
    """
    if not path.is_file():
        raise ExportError(f"no recipe at {str(path)!r}; give the path of a Python file")
    # Under a name of its own: a recipe called types.py would take the place of Python's module.
    spec = importlib.util.spec_from_file_location(f"modeld_export_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ExportError(f"{str(path)!r} is not Python; a recipe is a file NAME.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # TorchScript looks for the source of classes there
    # It stays on the path: recipe(), and forward after it, may import what lies beside the file.
    beside = str(path.resolve().parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    loader = spec.loader
    _guarded(path, lambda: loader.exec_module(module))
    make = getattr(module, "recipe", None)
    if not callable(make):
        raise ExportError(f"{str(path)!r} has no function recipe(); let it return a modeld_export.Recipe")
    made = _guarded(path, make)
    if not isinstance(made, Recipe):
        raise ExportError(
            f"recipe() of {str(path)!r} returns {type(made).__name__}, expected a modeld_export.Recipe"
        )
    return made
