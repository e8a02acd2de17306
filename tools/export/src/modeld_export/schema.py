"""A user's part of config.json, held to its schema as the daemon holds it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from .errors import ExportError

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def check(
    value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str = "config"
) -> None:
    """Raises ExportError: a key that ModelConfig does not have, or a value of another type."""
    reference = schema.get("$ref")
    if reference is not None:
        schema = definitions[reference.rpartition("/")[2]]
    wanted = schema.get("type")
    if wanted is not None:
        is_wrong_bool = isinstance(value, bool) and wanted != "boolean"
        if is_wrong_bool or not isinstance(value, _TYPES[wanted]):
            raise ExportError(f"{path} is {value!r}, expected {_named(wanted)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ExportError(f"{path} is {value}, expected a finite number: JSON has no other")
    if isinstance(value, Mapping):
        _check_members(value, schema, definitions, path)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check(item, schema.get("items", {}), definitions, f"{path}[{index}]")
    elif wanted is None:
        _check_plain(value, path)


def _named(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _check_members(
    value: Mapping[Any, Any], schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str
) -> None:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for key, item in value.items():
        if key not in known and others is False:
            own = "; what is your own goes into 'metadata'" if path == "config" else ""
            raise ExportError(
                f"{path} has {key!r}, which ModelConfig does not know, expected some of "
                f"{', '.join(known)}{own}"
            )
        inner = known.get(key, others if isinstance(others, Mapping) else {})
        check(item, inner, definitions, f"{path}[{key!r}]")


def _check_plain(value: Any, path: str) -> None:
    try:
        json.dumps(value)
    except TypeError as error:
        raise ExportError(f"{path} is {type(value).__name__}, expected what JSON has") from error
