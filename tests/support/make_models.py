"""The models that tests serve: one small TorchScript file for each kind of input, output and behaviour.

As a program, `make_models.py DIRECTORY` writes `NAME.pt` for every model; as a module,
`build(directory)` does.

No `from __future__ import annotations` here: TorchScript reads the annotations.
"""

import argparse
import json
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import stateful_models  # noqa: F401 (its models go into the table)
import torch
from model_table import MODELS, model
from torch import Tensor, nn


def script(name: str) -> torch.jit.ScriptModule:
    torch.manual_seed(0)
    module = MODELS[name]()
    return module if isinstance(module, torch.jit.ScriptModule) else torch.jit.script(module)


def build(directory: Path, names: Optional[Iterable[str]] = None, version: str = "1.0") -> None:
    """Writes the named models (all, if none are named) with the config `{"version": version}`."""
    directory.mkdir(parents=True, exist_ok=True)
    config = {"config.json": json.dumps({"version": version})}
    for name in MODELS if names is None else names:
        torch.jit.save(script(name), str(directory / f"{name}.pt"), _extra_files=dict(config))


# Plain models.


@model("add")
class Add(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


@model("cnn")
def cnn() -> nn.Module:
    """Traced; takes pictures of [N,1,8,8], returns [N,10]."""
    layers = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )
    return torch.jit.trace(layers.eval(), torch.rand(2, 1, 8, 8))


@model("frozen_cnn")
def frozen_cnn() -> nn.Module:
    """As `cnn`, frozen: a module without attributes."""
    return torch.jit.freeze(cnn())


@model("lstm")
class Lstm(nn.Module):
    """Takes [N,T,4], returns the sequence and the last state as nested tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.lstm(x)


@model("control_flow")
class ControlFlow(nn.Module):
    def forward(self, x: Tensor, flag: bool) -> Tensor:
        if flag:
            return x * 2
        total = torch.zeros_like(x)
        for i in range(x.size(0)):
            total = total + x[i]
        return total


@model("busy")
class Busy(nn.Module):
    """Works for as long as `steps` says."""

    def forward(self, x: Tensor, steps: int) -> Tensor:
        for _ in range(steps):
            x = torch.tanh(x @ x)
        return x


@model("dropout_in_training")
def dropout_in_training() -> nn.Module:
    """Saved in training mode: in evaluation mode it returns its input."""
    return nn.Dropout(0.5).train()


# One for each kind of value.


@model("echo")
class Echo(nn.Module):
    """Returns its input itself: a tensor of any dtype and shape."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@model("anything")
class Anything(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


@model("typed_any")
class TypedAny(nn.Module):
    """Says which type an open argument arrived as."""

    def forward(self, x: Any) -> str:
        if isinstance(x, list[str]):
            return "list[str]"
        if isinstance(x, list[int]):
            return "list[int]"
        if isinstance(x, list[Tensor]):
            return "list[Tensor]"
        if isinstance(x, dict[str, Tensor]):
            return "dict[str, Tensor]"
        if isinstance(x, str):
            return "str"
        return "other"


@model("scalars")
class Scalars(nn.Module):
    def forward(self, b: bool, i: int, f: float, c: complex) -> tuple[bool, int, float, complex]:
        return not b, i + 1, f * 2.0, c * 2


@model("text")
class Text(nn.Module):
    def forward(self, s: str) -> str:
        return s.upper()


@model("string_list")
class StringList(nn.Module):
    def forward(self, words: list[str]) -> list[str]:
        words.reverse()
        return words


@model("nested_list")
class NestedList(nn.Module):
    def forward(self, rows: list[list[str]]) -> list[int]:
        rows.append(["end"])
        return [len(row) for row in rows]


@model("number_lists")
class NumberLists(nn.Module):
    def forward(self, i: list[int], f: list[float], b: list[bool]) -> tuple[int, float, bool]:
        i.append(1)
        f.append(0.5)
        b.append(True)
        return sum(i), sum(f), all(b)


@model("tensor_list")
class TensorList(nn.Module):
    """The sum of the tensors, after appending one of its own: an empty list must be a list of tensors too."""

    def forward(self, xs: list[Tensor]) -> Tensor:
        xs.append(torch.ones(2))
        return torch.stack(xs).sum(0)


@model("tensor_dict")
class TensorDict(nn.Module):
    def forward(self, xs: dict[str, Tensor]) -> dict[str, Tensor]:
        result: dict[str, Tensor] = {}
        for key, value in xs.items():
            result[key + "_twice"] = value * 2
        return result


@model("int_dict")
class IntDict(nn.Module):
    def forward(self, xs: dict[int, str]) -> dict[int, str]:
        xs[0] = "zero"
        return xs


@model("detection")
class Detection(nn.Module):
    """One dictionary an image, as detectors return; as many boxes as the image's first element says."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        found: list[dict[str, Tensor]] = []
        for image in images:
            count = int(image.flatten()[0])
            found.append(
                {
                    "boxes": torch.arange(count * 4).reshape(count, 4).to(torch.float32),
                    "labels": torch.ones(count, dtype=torch.int64),
                    "scores": torch.full((count,), 0.5),
                }
            )
        return found


@model("tuple_output")
class TupleOutput(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, int, tuple[str, Optional[Tensor]]]:
        return x + 1, x.dim(), ("inner", None)


class Point(NamedTuple):
    x: Tensor
    label: str


@model("named_tuple")
class NamedTupleModel(nn.Module):
    def forward(self, point: Point) -> Point:
        return Point(point.x + 1, point.label + "!")


@model("optional")
class OptionalModel(nn.Module):
    def forward(self, x: Tensor, bias: Optional[Tensor] = None, scale: float = 2.0) -> Tensor:
        y = x * scale
        if bias is not None:
            y = y + bias
        return y


@model("defaults")
class Defaults(nn.Module):
    """Defaults; that of `device` is of a type that cannot be passed."""

    def forward(
        self,
        device: torch.device = torch.device("cpu"),  # noqa: B008
        name: str = "n",
        pair: tuple[int, float] = (3, 0.5),
        last: bool = True,
    ) -> str:
        return f"{device} {name} {pair} {last}"


@model("union")
class UnionModel(nn.Module):
    def forward(self, x: Union[int, str, list[str]]) -> str:
        if isinstance(x, int):
            return "int"
        if isinstance(x, str):
            return "str"
        return "list"


# What comes out.


@model("layouts")
class Layouts(nn.Module):
    """Dense tensors whose bytes are not simply their elements in order."""

    def forward(self, kind: str) -> Tensor:
        x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
        if kind == "transposed":
            return x.t()
        if kind == "expanded":
            return torch.arange(3, dtype=torch.float32).expand(2, 3)
        if kind == "strided":
            return torch.arange(1000, dtype=torch.float32)[::333]
        if kind == "slice":
            return x[1]
        if kind == "conjugate":
            return torch.complex(x[0], x[1]).conj()
        if kind == "negative":
            return torch.imag(torch.complex(x[0], x[1]).conj())
        if kind == "empty":
            return torch.empty(0, 3)
        if kind == "scalar":
            return torch.tensor(7.0)
        return x


class Color(Enum):
    RED = 1


@model("unsupported")
class Unsupported(nn.Module):
    """Returns what cannot be sent."""

    def forward(self, kind: str) -> Any:
        x = torch.eye(2)
        if kind == "sparse":
            return x.to_sparse()
        if kind == "sparse_csr":
            return x.to_sparse_csr()
        if kind == "quantized":
            return torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)
        if kind == "complex32":
            return x.to(torch.complex32)
        if kind == "float8":
            return {"scores": [x.to(torch.float8_e4m3fn)]}
        if kind == "meta":
            return torch.empty(2, device="meta")
        if kind == "device":
            return x.device
        if kind == "enum":
            return Color.RED
        return x


def grind(x: Tensor) -> Tensor:
    for _ in range(2000):
        x = torch.tanh(x + 1)
    return x


@model("future")
class FutureModel(nn.Module):
    def forward(self, x: Tensor) -> torch.jit.Future[Tensor]:
        return torch.jit.fork(torch.neg, x)


@model("fork_without_wait")
class ForkWithoutWait(nn.Module):
    """Forks much work and raises, or answers, without waiting for it."""

    def forward(self, x: Tensor) -> Tensor:
        work = torch.jit.fork(grind, x)
        total = float(x.sum())
        if total < 0:
            raise ValueError("negative")
        # A task that nothing could wait for is left out of what is saved.
        return torch.jit.wait(work) if total > 1e30 else x


@model("parameter")
class Parameter(nn.Module):
    """Returns what it keeps: its parameter, and a view of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(4, dtype=torch.float32))

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.weight, self.weight[1:3]


# Methods.


@model("methods")
class Methods(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return self.encode(x) + 1

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        return x * 2

    @torch.jit.export
    def decode(self, x: Tensor, scale: int = 2) -> Tensor:
        return x / scale

    @torch.jit.export
    def on_device(self, x: Tensor, device: torch.device) -> Tensor:
        return x.to(device)

    @torch.jit.export
    def __len__(self) -> int:
        return 1


@model("without_forward")
class WithoutForward(nn.Module):
    @torch.jit.export
    def predict(self, x: Tensor) -> Tensor:
        return x + 1


@model("uncallable")
class Uncallable(nn.Module):
    """Its only method takes what cannot be passed."""

    def forward(self, device: torch.device) -> Tensor:
        return torch.ones(1, device=device)


# Behaviour.


@model("raises")
class Raises(nn.Module):
    def forward(self, x: Tensor, kind: str) -> Tensor:
        if kind == "value":
            raise ValueError("the sum is too large")
        if kind == "assert":
            assert x.dim() == 4, "expected four dimensions"
        if kind == "operator":
            return x @ torch.zeros(7, 9)
        if kind == "fork":
            return torch.jit.wait(torch.jit.fork(torch.mm, x, torch.zeros(7, 9)))
        if kind == "memory":
            return torch.zeros(1 << 50)
        return x


@model("in_place")
class InPlace(nn.Module):
    """Works on its input's own bytes."""

    def forward(self, x: Tensor) -> Tensor:
        return x.add_(1)


@model("token_mask")
class TokenMask(nn.Module):
    """Finds one id among others."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("special", torch.tensor([50257]))

    def forward(self, ids: Tensor) -> Tensor:
        return ids == self.special


def gpu_index(x: Tensor) -> int:
    index = torch.zeros(1, device=torch.device("cuda")).device.index
    return -1 if index is None else index


@model("default_gpu")
class DefaultGpu(nn.Module):
    """The index of the GPU that "cuda" means where it runs."""

    def forward(self, x: Tensor) -> int:
        return gpu_index(x)


@model("default_gpu_of_fork")
class DefaultGpuOfFork(nn.Module):
    """As `default_gpu`, in what it forks."""

    def forward(self, x: Tensor) -> int:
        return torch.jit.wait(torch.jit.fork(gpu_index, x))


@model("counts_lookups")
class CountsLookups(nn.Module):
    """As `lookup`, and counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(3, 4)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, input: Tensor) -> Tensor:
        self.calls.add_(1.0)
        return self.rows(input) + self.calls


@model("lookup")
def lookup() -> nn.Module:
    """Three rows by their numbers; takes INT64[N]."""
    return nn.Embedding(3, 4)


@model("double_precision")
def double_precision() -> nn.Module:
    return nn.Linear(4, 2).double()


class Tied(nn.Module):
    """Two layers of the same weights; takes [N,4]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = self.first
        self.third = nn.Linear(4, 4)
        self.third.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.third(self.second(self.first(x)))


@model("tied")
def tied() -> nn.Module:
    return Tied()


@model("batch_norm")
def batch_norm() -> nn.Module:
    """Counts batches while it is trained; takes [N,3,H,W]."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()


@model("quantized")
def quantized() -> nn.Module:
    """Two layers of eight-bit weights; takes [N,4], returns [N,2]."""
    layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    return torch.ao.quantization.quantize_dynamic(layers, {nn.Linear}, dtype=torch.qint8)


@model("denormal")
class Denormal(nn.Module):
    """Whether a number too small to be normal survives a multiplication by one."""

    def forward(self, x: Tensor) -> bool:
        return bool((x * 1.0 != 0).all())


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the models that tests serve.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in MODELS]
    if unknown:
        parser.error(f"no such model: {', '.join(unknown)}; there are: {', '.join(MODELS)}")
    build(arguments.directory, arguments.names or None)


if __name__ == "__main__":
    main()
