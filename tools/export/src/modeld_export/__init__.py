"""From a PyTorch module to every artifact that modeld serves, checked before it leaves the desk.

`export()` writes the artifacts of a module, each compared with the module itself; what may go wrong with them
in production stands in its result. The same from a file: `modeld-export run recipe.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .daemon import CheckReport, check, push
    from .differences import Tolerance
    from .engines import EngineResult, compare_engines
    from .errors import ExportError, RefusedError
    from .exporter import export
    from .recipe import Recipe
    from .result import Artifact, Export, Finding, Severity

# Where each name stands: importing this package costs nothing until one of them is asked for.
_HOMES = {
    "Artifact": "result",
    "CheckReport": "daemon",
    "EngineResult": "engines",
    "Export": "result",
    "ExportError": "errors",
    "Finding": "result",
    "Recipe": "recipe",
    "RefusedError": "errors",
    "Severity": "result",
    "Tolerance": "differences",
    "check": "daemon",
    "compare_engines": "engines",
    "export": "exporter",
    "push": "daemon",
}

__all__ = [
    "Artifact",
    "CheckReport",
    "EngineResult",
    "Export",
    "ExportError",
    "Finding",
    "Recipe",
    "RefusedError",
    "Severity",
    "Tolerance",
    "check",
    "compare_engines",
    "export",
    "push",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
