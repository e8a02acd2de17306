"""Small TorchScript modules, each made to show one thing, and how they are saved."""

# TorchScript knows the notation of typing only.
# ruff: noqa: UP006, UP035

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn


class Tagged(nn.Module):
    """Adds its tag, so that an answer shows which version gave it."""

    def __init__(self, tag: float) -> None:
        super().__init__()
        self.tag = tag

    def forward(self, x: Tensor) -> Tensor:
        return x + self.tag


class Branch(nn.Module):
    """Control flow over an argument that is no tensor."""

    def forward(self, x: Tensor, flag: bool) -> Tensor:
        if flag:
            return -x
        return x


class Raising(nn.Module):
    """Raises where it is asked to."""

    def forward(self, x: Tensor, fail: bool = False) -> Tensor:
        if fail:
            raise ValueError("the model itself raised")
        return x


class Said(nn.Module):
    """Gives a string back."""

    def forward(self, x: str) -> str:
        return x


class Touchy(nn.Module):
    """Gives x back; where a number of it is above a half, raises ("raise") or answers NaN ("nan")."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def forward(self, x: Tensor) -> Tensor:
        if float(x.max()) > 0.5:
            if self.fault == "raise":
                raise ValueError("touched")
            if self.fault == "nan":
                return x * float("nan")
        return x


class Centred(nn.Module):
    """Takes the mean of all rows away: rows of a batch depend on each other."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean()


class Accumulator(nn.Module):
    """Sums up what it is given, in a buffer that it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sum", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.sum += x.sum()
        return self.sum


class KeepsInputs(nn.Module):
    """Keeps all that it is given, and counts it."""

    kept: List[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.kept = []

    def forward(self, x: Tensor) -> int:
        self.kept.append(x)
        return len(self.kept)


class Slow(nn.Module):
    """Takes as long as it is told to, in rounds."""

    def forward(self, rounds: int) -> int:
        x = torch.ones(64, 64)
        for _ in range(rounds):
            x = torch.mm(x, x).clamp(0.0, 1.0)
        return rounds


class Failing(nn.Module):
    """Cannot be warmed: raises at every call."""

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("always fails")


class Convolutions(nn.Module):
    """Takes pictures of [N,3,H,W], returns [N,10]; the same weights each time."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Conv2d(3, 16, 3, padding=1, bias=False),
                nn.BatchNorm2d(16),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(32, 10),
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Pair(NamedTuple):
    left: Tensor
    right: int


class Values(nn.Module):
    """One method for each kind of value, each of which gives its argument back."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def boolean(self, v: bool) -> bool:
        return v

    @torch.jit.export
    def integer(self, v: int) -> int:
        return v

    @torch.jit.export
    def floating(self, v: float) -> float:
        return v

    @torch.jit.export
    def complex_number(self, v: complex) -> complex:
        return v

    @torch.jit.export
    def string(self, v: str) -> str:
        return v

    @torch.jit.export
    def optional(self, v: Optional[Tensor]) -> Optional[Tensor]:
        return v

    @torch.jit.export
    def integers(self, v: List[int]) -> List[int]:
        return v

    @torch.jit.export
    def strings(self, v: List[str]) -> List[str]:
        return v

    @torch.jit.export
    def tensors(self, v: List[Tensor]) -> List[Tensor]:
        return v

    @torch.jit.export
    def detections(self, v: List[Dict[str, Tensor]]) -> List[Dict[str, Tensor]]:
        return v

    @torch.jit.export
    def by_number(self, v: Dict[int, float]) -> List[Dict[int, float]]:
        return [v]

    @torch.jit.export
    def nested(self, v: Tuple[int, Tuple[str, Tensor]]) -> List[Tuple[int, Tuple[str, Tensor]]]:
        return [v]

    @torch.jit.export
    def two(self, x: Tensor) -> Tuple[Tensor, int]:
        return x, x.dim()

    @torch.jit.export
    def pair(self, x: Tensor) -> Pair:
        return Pair(x, 7)

    @torch.jit.export
    def by_name(self, x: Tensor) -> Dict[str, Tensor]:
        return {"same": x, "double": x + x}

    @torch.jit.export
    def with_default(self, x: Tensor, scale: float = 2.0) -> Tensor:
        return x * scale


def lookup() -> nn.Module:
    """Rows of four numbers, three of them, by their numbers."""
    torch.manual_seed(0)
    return nn.Embedding(3, 4)


class LookupOfBefore(nn.Module):
    """As `lookup` by the number before; there is none before 0."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = lookup()

    def forward(self, input: Tensor) -> Tensor:
        return self.rows(input - 1)


MODULES = {
    "lookup_of_before": LookupOfBefore,
    "lookup": lookup,
    "tagged": Tagged,
    "branch": Branch,
    "raising": Raising,
    "say": Said,
    "slow": Slow,
    "touchy": Touchy,
    "centred": Centred,
    "accumulator": Accumulator,
    "keeps_inputs": KeepsInputs,
    "failing": Failing,
    "values": Values,
    "convolutions": Convolutions,
}


def script(kind: str, *arguments: Any) -> torch.jit.ScriptModule:
    return torch.jit.script(MODULES[kind](*arguments).eval())


def save(
    path: Path, kind: str, config: Union[Dict[str, Any], str, None], *arguments: Any, extra: Any = None
) -> Path:
    """Scripts a module and saves it with a config: a dictionary, a text as it is, or None for no config."""
    files = dict(extra or {})
    if config is not None:
        files["config.json"] = config if isinstance(config, str) else json.dumps(config)
    torch.jit.save(script(kind, *arguments), str(path), _extra_files=files)
    return path
