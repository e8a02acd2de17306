"""Values that a module takes and returns: tensors, numbers, strings, and containers of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

Value = Any  # Tensor | bool | int | float | str | None, and lists, tuples and dictionaries of them


def tensors_in(value: Value, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor with its place: `boxes[2]`."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors_in(item, f"{path}[{key!r}]" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from tensors_in(item, f"{path}[{index}]")


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Value) -> Value:
    """The value with other tensors in it; its containers are copied."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(change, item) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(change, item) for item in value)
    return value


def copy_of(value: Value) -> Value:
    """With tensors of its own, laid out as they were."""
    return map_tensors(lambda tensor: tensor.detach().clone(), value)


def has_nan(value: Value) -> bool:
    return any(bool(tensor.isnan().any()) for _, tensor in tensors_in(value))


def same(a: Value, b: Value) -> bool:
    """To the last bit; NaN is NaN."""
    if isinstance(a, torch.Tensor):
        return (
            isinstance(b, torch.Tensor)
            and a.shape == b.shape
            and a.dtype == b.dtype
            and bool(((a == b) | ((a != a) & (b != b))).all())
        )
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return bool(a == b)
