"""Modules that are right, and one for each known trap."""

from __future__ import annotations

import typing

import torch
from torch import Tensor, nn

calls = 0


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.layer(x), -1)


class Branch(nn.Module):
    """Takes the way that its data says."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x + 1
        return x - 1


class Bakes(nn.Module):
    """Knows the number of rows only by its example."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(int(x.shape[0]), 2, 2).sum(-1)


class BakesQuietly(nn.Module):
    """Takes a number out of a tensor, which the trace keeps."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.abs().max())


class FixedRows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(2, 4) * 2


class DropoutLeftOn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5, training=True)


class InPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x += 1
        return x * 2


class RandomOperator(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class Transposed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x * 2).t()


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 1.0


class CountsGlobally(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        global calls
        calls += 1
        return x * 1.0


class Prints(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        print("called")
        return x * 1.0


class Flagged(nn.Module):
    def forward(self, x: Tensor, flag: bool, scale: float = 1.0) -> Tensor:
        if flag:
            x = 1.0 - x
        return x * scale


class Words(nn.Module):
    def forward(self, words: list[str]) -> Tensor:
        return torch.tensor([len(word) for word in words])


class Pair(typing.NamedTuple):
    total: Tensor
    mean: Tensor


class Named(nn.Module):
    def forward(self, x: Tensor) -> Pair:
        return Pair(x.sum(-1), x.mean(-1))


class Detects(nn.Module):
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"boxes": image[:, :1, 0, :4] * 8, "scores": image.mean((1, 2, 3))}


class Steps(nn.Module):
    """An LSTM whose state the caller keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 5)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        h, c = self.cell(x, (h, c))
        return h, c


class Convolves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer(image).mean((2, 3))


class Untyped(nn.Module):
    """What TorchScript cannot know."""

    def forward(self, x: Tensor) -> Tensor:
        return x * len(open)  # type: ignore[arg-type]


class Variadic(nn.Module):
    def forward(self, *x: Tensor) -> Tensor:
        return x[0]


class OnlyEven(nn.Module):
    """Raises on what is not its example's."""

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[0] % 2 == 0
        return x.reshape(-1, 2, 4).sum(1)


class Classifier(nn.Module):
    """Small pictures to ten classes: a convolution and linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(128, 32),
            nn.ReLU(),
            nn.Linear(32, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
