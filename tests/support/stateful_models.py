"""Models that write their own attributes while they run.

No `from __future__ import annotations` here: TorchScript reads the annotations.
"""

import torch
from model_table import model
from torch import Tensor, nn


@model("keeps_input")
class KeepsInput(nn.Module):
    """Returns the input of the call before."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        before = self.kept
        self.kept = x
        return before


@model("counter")
class Counter(nn.Module):
    """Counts its calls by assignment."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self) -> int:
        self.calls += 1
        return self.calls


class QuantizedCounter(nn.Module):
    """A layer of eight-bit weights, and how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        self.calls += 1
        return self.layer(x), self.calls


@model("quantized_counter")
def quantized_counter() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(QuantizedCounter(), {nn.Linear}, dtype=torch.qint8)


@model("counter_in_place")
class CounterInPlace(nn.Module):
    """Counts its calls in a buffer, and returns the buffer itself."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))

    def forward(self) -> Tensor:
        # Long enough between reading and writing for another thread to come in.
        before = self.calls.clone()
        busy = torch.ones(64, 64)
        for _ in range(20):
            busy = torch.tanh(busy @ busy)
        self.calls.copy_(before + int(busy.numel() > 0))
        return self.calls


class AccumulatorState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sum", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.sum.add_(x.sum())
        return self.sum


class History(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.items = torch.jit.Attribute([0], list[int])

    def forward(self) -> int:
        self.items.append(len(self.items))
        return self.items[-1]


@model("counter_in_list")
class CounterInList(nn.Module):
    """Counts its calls by the length of a list, written by a submodule's method."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()

    def forward(self) -> int:
        return self.history()


@model("writes_parameter")
class WritesParameter(nn.Module):
    """Counts its calls in a parameter, beside a large one that it only reads."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.weight = nn.Parameter(torch.rand(4), requires_grad=False)

    def forward(self) -> Tensor:
        self.calls.add_(1.0)
        return self.calls + 0.0 * self.weight.sum()


@model("adapting_norm")
class AdaptingNorm(nn.Module):
    """Normalizes by statistics that it goes on to learn, in evaluation mode, too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("var", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, self.mean, self.var, training=True)


@model("trainable_norm")
class TrainableNorm(nn.Module):
    """Normalizes, and learns from when `learn` was called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)

    @torch.jit.export
    def learn(self) -> None:
        self.norm.training = True


@model("accumulator")
class Accumulator(nn.Module):
    """Sums up what it is given, in a buffer of a submodule; `reset` begins anew."""

    def __init__(self) -> None:
        super().__init__()
        self.state = AccumulatorState()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.state(x * self.scale)

    @torch.jit.export
    def reset(self) -> None:
        self.state.sum = torch.zeros(1)
