"""What TorchScript can say beside layers: control flow, integers, views, methods, state."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .recipe import Model, Sample, recipe, script, tensor

X = tensor("x", "FP32", -1, 16)


def _rows(count: int) -> Tensor:
    return torch.randn(count, 16)


class Branches(nn.Module):
    """Which layer is taken, and how often a number is halved, is in the data."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(16, 16)
        self.down = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(x) * 3.0 if bool(x.mean() > 0.0) else torch.tanh(self.down(x))
        while bool(y.abs().mean() > 0.3):
            y = y * 0.5
        return y


@recipe("if and while on what is in the data, scripted")
def branches(small: bool) -> Model:
    return Model(script(Branches()), [X], [Sample({"x": _rows(2) + shift}) for shift in (1.0, -1.0)])


class Flag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 8)

    def forward(self, x: Tensor, invert: bool = False) -> Tensor:
        if invert:
            x = 1.0 - x
        return torch.relu(self.layer(x))


@recipe("if on an argument that is a boolean, scripted")
def flag(small: bool) -> Model:
    return Model(script(Flag()), [X], [Sample({"x": _rows(2)}), Sample({"x": _rows(1), "invert": True})])


class Counts(nn.Module):
    """No floating-point number anywhere."""

    def forward(self, counts: Tensor, mask: Tensor) -> dict[str, Tensor]:
        kept = torch.where(mask, counts, torch.zeros_like(counts))
        return {"sums": kept.cumsum(1), "most": kept.argmax(1), "any": mask.any(1)}


@recipe("sums of integers under a mask of booleans, scripted")
def counts(small: bool) -> Model:
    samples = [
        Sample({"counts": torch.randint(-50, 50, (count, 8)), "mask": torch.rand(count, 8) > 0.5})
        for count in (1, 3)
    ]
    inputs = [tensor("counts", "INT64", -1, 8), tensor("mask", "BOOL", -1, 8)]
    return Model(script(Counts()), inputs, samples)


class Views(nn.Module):
    """Writes through views of what it also returns."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, 0] += 1.0
        y[:, 4:8].mul_(2.0)
        square = y.view(-1, 4, 4).transpose(1, 2)
        square.add_(0.5)
        y.relu_()
        return square.reshape(-1, 16) + y


@recipe("writes in place, through views, scripted")
def views(small: bool) -> Model:
    return Model(script(Views()), [X], [Sample({"x": _rows(count)}) for count in (1, 3)])


class Adding(nn.Module):
    """The usual shortcut, added in place to what nobody else sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        y += x
        return y.mean([2, 3])


@recipe("a shortcut added in place, scripted")
def adding(small: bool) -> Model:
    samples = [Sample({"x": torch.randn(count, 3, 16, 16)}) for count in (1, 2)]
    return Model(script(Adding()), [tensor("x", "FP32", -1, 3, 16, 16)], samples)


class TwoMethods(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(16, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encode(x))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return torch.tanh(self.body(x))


@recipe("a second method beside forward, scripted")
def two_methods(small: bool) -> Model:
    samples = [Sample({"x": _rows(2)}), Sample({"x": _rows(1)}, method="encode")]
    return Model(script(TwoMethods()), [X], samples)


class Smoothing(nn.Module):
    """A running mean of what it was given, in a buffer that it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 16))

    def forward(self, x: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x
        return self.mean


@recipe("a running mean in a buffer: state, scripted")
def smoothing(small: bool) -> Model:
    # Each as the first call: requests outside of sequences begin with the state as it was saved.
    return Model(
        script(Smoothing()), [tensor("x", "FP32", 1, 16)], [Sample({"x": _rows(1)}) for _ in range(2)]
    )


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(16, 32)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        body = torch.relu(self.body(x))
        return body, self.head(functional.dropout(body, 0.5, self.training))


@recipe("dropout that was left in training when it was traced")
def dropping(small: bool) -> Model:
    # eval() comes too late: the trace says that it is training. What it drops is another half each time.
    module = torch.jit.trace(Dropping().train(), _rows(2), check_trace=False)
    samples = [Sample({"x": _rows(count)}, outputs=("output_0",)) for count in (1, 2)]
    return Model(module, [X], samples)
