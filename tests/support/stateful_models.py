"""Models that write their own attributes while they run.

No `from __future__ import annotations` here: TorchScript reads the annotations.
"""

from typing import Any, Optional

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


@model("keeps_features")
class KeepsFeatures(nn.Module):
    """Keeps what its layer made of the inputs before, and returns how many rows that is."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 64)
        self.kept = torch.zeros(0, 64)

    def forward(self, x: Tensor) -> int:
        self.kept = torch.cat([self.kept, self.layer(x)])
        return self.kept.shape[0]


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


# What one call leaves behind for the next, in ways that neither schemas nor versions of tensors tell of. Each
# takes x FP32[2,3].


@model("keeps_in_list")
class KeepsInList(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sums = [torch.zeros(3)]

    def forward(self, x: Tensor) -> Tensor:
        self.sums[0].add_(x.sum())
        return x + self.sums[0]


@model("keeps_in_lists_of_dict")
class KeepsInListsOfDict(nn.Module):
    seen: dict[str, list[Tensor]]

    def __init__(self) -> None:
        super().__init__()
        self.seen = {"x": [torch.zeros(2, 3)]}

    def forward(self, x: Tensor) -> Tensor:
        self.seen["x"].append(x)
        return torch.stack(self.seen["x"]).sum(0)


@model("keeps_itself")
class KeepsItself(nn.Module):
    """A list of anything, also of itself."""

    kept: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self.kept = []

    def forward(self, x: Tensor) -> int:
        self.kept.append(x)
        self.kept.append(self.kept)
        return len(self.kept)


@torch.jit.interface
class Link:
    def length(self) -> int:
        pass


@torch.jit.script
class Node:
    def __init__(self, length: int, before: Optional[Link]) -> None:
        self.count = length
        self.before = before

    def length(self) -> int:
        return self.count


@model("keeps_chain")
class KeepsChain(nn.Module):
    """Objects, each of which holds the one before."""

    kept: Optional[Link]

    def __init__(self) -> None:
        super().__init__()
        self.kept = None

    def forward(self, more: int) -> int:
        kept = self.kept
        for number in range(more):
            kept = Node(number, kept)
        self.kept = kept
        return more


@model("keeps_by_fork")
class KeepsByFork(nn.Module):
    """Keeps what a task made, which it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(0, 3)

    def double(self, x: Tensor) -> Tensor:
        return x * 2

    def forward(self, x: Tensor) -> Tensor:
        task = torch.jit.fork(self.double, x)
        self.kept = torch.cat([self.kept, torch.jit.wait(task)])
        return self.kept


@model("keeps_by_dropout")
class KeepsByDropout(nn.Module):
    """Dropout returns what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.position = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        position = self.drop(self.position)
        position += x.sum(0)
        return x + position


@model("keeps_by_einsum")
class KeepsByEinsum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        sums = torch.einsum("i->i", self.sums)
        sums += x.sum(0)
        return x + sums


@model("keeps_by_data")
class KeepsByData(nn.Module):
    """By what autograd does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.sums.data.add_(x.sum(0))
        return x + self.sums


@model("keeps_statistics")
class KeepsStatistics(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = AdaptingNorm()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) + self.norm.mean


@model("keeps_in_folded")
class KeepsInFolded(nn.Module):
    """In zeros that LibTorch makes once and for all when it compiles."""

    def forward(self, x: Tensor) -> Tensor:
        sums = torch.zeros(2, 3).type_as(x)
        sums += x
        return sums * 2.0


@torch.jit.script
class Counted:
    def __init__(self, key: int) -> None:
        self.key = key
        self.compared = False

    def __lt__(self, other: "Counted") -> bool:
        self.compared = True
        return self.key < other.key


@model("keeps_by_sorting")
class KeepsBySorting(nn.Module):
    """In a flag that only the code sets by which a list is sorted."""

    def __init__(self) -> None:
        super().__init__()
        self.a = Counted(2)
        self.b = Counted(1)
        self.register_buffer("sums", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        if self.a.compared or self.b.compared:
            self.sums.add_(x.sum(0))
        in_order = [self.a, self.b]
        in_order.sort()
        return x + self.sums + in_order[0].key


class MakesConstant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        sums = torch.tensor([[0.0, 0.0, 0.0]] * 2)
        sums += x
        return sums * 1.0


@model("keeps_in_constant")
def keeps_in_constant() -> nn.Module:
    return torch.jit.trace(MakesConstant(), torch.zeros(2, 3))


def add_late(sums: Tensor, x: Tensor) -> Tensor:
    busy = torch.ones(64, 64)
    for _ in range(200):
        busy = torch.tanh(busy @ busy)
    sums.add_(x.sum() + 0.0 * busy.sum())
    return sums


class ForksAndFails(nn.Module):
    """Fails on another size than three, while what it forked goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3))
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        late = torch.jit.fork(add_late, self.sums, x)
        shifted = x + self.shift
        return shifted + torch.jit.wait(late)


@model("forks_and_fails")
def forks_and_fails() -> nn.Module:
    return torch.jit.trace(ForksAndFails(), torch.zeros(2, 3), check_trace=False)


@model("shares_memory")
class SharesMemory(nn.Module):
    """One buffer is a piece of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3))
        self.register_buffer("first", self.sums[0:1])

    def forward(self, x: Tensor) -> Tensor:
        self.sums.add_(x.sum())
        return x + self.first


def triple(self, x: tuple[Tensor]) -> tuple[Tensor]:
    return (x[0] * 3.0,)


def hundred_more(self, x: tuple[Tensor], output: Tensor) -> Tensor:
    return output + 100.0


class Adds(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1.0


@model("hooked")
def hooked() -> nn.Module:
    module = Adds()
    module.register_forward_pre_hook(triple)
    module.register_forward_hook(hundred_more)
    return module


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
