"""The inputs on which an artifact is compared with its module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from .axes import Axes
from .calls import Call, run
from .fills import EXACT
from .values import Value, map_tensors, tensors_in

_LARGE = 1e3


@dataclass(frozen=True)
class NamedCall:
    name: str
    call: Call
    given: bool = False  # by the user; otherwise it may be nonsense to the module
    doubtful: bool = False  # where the module answers NaN, it is nonsense


def _resized(
    call: Call, axes: Axes, sizes: dict[str, int], fill: Callable[[torch.Tensor], torch.Tensor]
) -> Call:
    """As the call, with other sizes along dynamic axes and other elements, also of tensors in containers."""
    arguments: dict[str, Value] = {}
    for name, value in call.arguments.items():
        if not isinstance(value, torch.Tensor):
            arguments[name] = map_tensors(lambda tensor: fill(tensor.detach().clone()), value)
            continue
        for axis, axis_name in axes.names.get(name, {}).items():
            index = torch.arange(sizes[axis_name]) % max(1, value.shape[axis])
            value = value.index_select(axis, index)
        arguments[name] = fill(value.detach().clone())
    return call.with_arguments(arguments)


def _shuffled(generator: torch.Generator) -> Callable[[torch.Tensor], torch.Tensor]:
    """Floats as if drawn as those of the example were; of integers and booleans the example's own, in another
    order: no other can be told to be in range."""

    def fill(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point() and tensor.numel() > 0:
            spread = float(tensor.double().std(correction=0)) or 1.0
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64) * spread
            return (noise + float(tensor.double().mean())).to(tensor.dtype)
        flat = tensor.flatten()
        order = torch.randperm(flat.numel(), generator=generator)
        return flat[order].reshape(tensor.shape)

    return fill


def _scaled(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda tensor: tensor * factor if tensor.is_floating_point() else tensor


def _same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


# The compiler takes a batch of 16 or more for one that always is.
_FEW_ROWS = 8


def to_compile(example: Call, axes: Axes, module: nn.Module | None = None) -> Call:
    """The example with tensors of its own, and at least two along each dynamic axis: of one, torch.export
    takes for granted that it stays one.

    Args:
      module: then also of few rows, where it takes them, so that one row is served as well.
    """
    sizes = {name: max(2, size) for name, size in axes.sizes(example).items()}
    if module is not None:
        rows = {names[0] for names in axes.names.values() if 0 in names}
        few = {name: min(size, _FEW_ROWS) if name in rows else size for name, size in sizes.items()}
        call = _resized(example, axes, few, torch.clone)
        try:
            run(module, call)
        except Exception:
            few = sizes
        sizes = few
    return _resized(example, axes, sizes, torch.clone)


def other_sizes(sizes: dict[str, int]) -> dict[str, int]:
    """Each another, and none 1, which broadcasts."""
    return {name: size + 1 + index for index, (name, size) in enumerate(sorted(sizes.items()))}


def calls_to_try(example: Call, axes: Axes, more: Iterable[Call] = (), seed: int = 0) -> Iterator[NamedCall]:
    """The example itself and what the user gave; then random ones, zeros, large ones, one row, and other
    sizes along each dynamic axis."""
    generator = torch.Generator().manual_seed(seed)
    sizes = axes.sizes(example)
    yield NamedCall("example", example, given=True)
    for index, call in enumerate(more):
        yield NamedCall(f"given {index}", call, given=True)
    for index in range(2):
        yield NamedCall(f"random {index}", _resized(example, axes, sizes, _shuffled(generator)))
    tensors = [tensor for _, tensor in tensors_in(example.arguments)]
    if any(tensor.is_floating_point() for tensor in tensors):
        yield NamedCall("zeros", _resized(example, axes, sizes, _scaled(0.0)))
        yield NamedCall("large", _resized(example, axes, sizes, _scaled(_LARGE)))
    yield from exact_calls(example, axes)
    for axis_name in sizes:
        for size in sizes_to_try(example, axes, axis_name):
            yield NamedCall(f"{axis_name}={size}", resized(example, axes, {axis_name: size}))


def resized(example: Call, axes: Axes, sizes: dict[str, int]) -> Call:
    """The example's elements, as many of them along these axes."""
    return _resized(example, axes, {**axes.sizes(example), **sizes}, _same)


# Where branches on a size commonly lie between: few, a power of two, many.
_SIZES = (1, 2, 3, 17, 130)
# Of all inputs together: what a trial of many rows may come to.
_MOST_ELEMENTS = 2_000_000


def sizes_to_try(example: Call, axes: Axes, axis_name: str) -> list[int]:
    """Along one axis, the others as in the example."""
    own = axes.sizes(example)[axis_name]
    near = {1, own + 1, 2 * own + 1}
    elements = sum(tensor.numel() for _, tensor in tensors_in(example.arguments))
    far = {size for size in _SIZES if size <= own or elements * size // max(1, own) <= _MOST_ELEMENTS}
    return sorted((near | far) - {own})


def sizes_nearby(size: int) -> list[int]:
    """Those of which a module takes at least one, if it takes any but the example's. Not 1: it broadcasts."""
    return sorted({size + 1, 2 * size + 1, 2 * size, size - 1, size // 2} - {size, 0, 1, -1})


def exact_calls(example: Call, axes: Axes) -> Iterator[NamedCall]:
    """Other integers and booleans, where there are any: what a trace may have taken from them for good."""
    tensors = [tensor for _, tensor in tensors_in(example.arguments)]
    for name, fill in EXACT.items():
        if any(not torch.equal(fill(tensor), tensor) for tensor in tensors):
            yield NamedCall(name, _resized(example, axes, axes.sizes(example), fill), doubtful=True)


def other_call(example: Call, axes: Axes, seed: int = 1) -> Call:
    """Other values and other sizes, for a second trace."""
    generator = torch.Generator().manual_seed(seed)
    return _resized(example, axes, other_sizes(axes.sizes(example)), _shuffled(generator))
