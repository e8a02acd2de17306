"""The inputs on which an artifact is compared with its module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch

from .axes import Axes
from .calls import Call
from .values import Value, copy_of

_LARGE = 1e3


@dataclass(frozen=True)
class NamedCall:
    name: str
    call: Call
    given: bool = False  # by the user; otherwise it may be nonsense to the module


def _resized(
    call: Call, axes: Axes, sizes: dict[str, int], fill: Callable[[torch.Tensor], torch.Tensor]
) -> Call:
    """As the call, with other sizes along dynamic axes and other elements."""
    arguments: dict[str, Value] = {}
    for name, value in call.arguments.items():
        if not isinstance(value, torch.Tensor):
            arguments[name] = copy_of(value)
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


def to_compile(example: Call, axes: Axes) -> Call:
    """The example with tensors of its own, and at least two along each dynamic axis: of one, torch.export
    takes for granted that it stays one."""
    sizes = {name: max(2, size) for name, size in axes.sizes(example).items()}
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
    if any(
        isinstance(value, torch.Tensor) and value.is_floating_point() for value in example.arguments.values()
    ):
        yield NamedCall("zeros", _resized(example, axes, sizes, _scaled(0.0)))
        yield NamedCall("large", _resized(example, axes, sizes, _scaled(_LARGE)))
    for axis_name in sizes:
        for size in sorted({1, sizes[axis_name] + 1, 2 * sizes[axis_name] + 1}):
            yield NamedCall(f"{axis_name}={size}", _resized(example, axes, {**sizes, axis_name: size}, _same))


def other_call(example: Call, axes: Axes, seed: int = 1) -> Call:
    """Other values and other sizes, for a second trace."""
    generator = torch.Generator().manual_seed(seed)
    return _resized(example, axes, other_sizes(axes.sizes(example)), _shuffled(generator))
