"""Linear layers, and what else decides how fast they are: width, number format."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from .recipe import Model, Sample, recipe, script, tensor


def _layers(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths[:-1], widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _model(module: torch.jit.ScriptModule, width: int, dtype: torch.dtype = torch.float32) -> Model:
    name = {torch.float32: "FP32", torch.float64: "FP64"}[dtype]
    samples = [Sample({"x": torch.randn(count, width, dtype=dtype)}) for count in (1, 3)]
    return Model(module, [tensor("x", name, -1, width)], samples)


class Net(nn.Module):
    """Layers under an argument's name that is the same for all of them."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@recipe("MLP, 64 → 256 → 256 → 10, scripted")
def mlp(small: bool) -> Model:
    return _model(script(Net(_layers(64, 256, 256, 10))), 64)


@recipe("four linear layers of 2048 × 2048, which are all memory, scripted")
def wide_linear(small: bool) -> Model:
    width = 128 if small else 2048
    return _model(script(Net(_layers(*[width] * 5))), width)


@recipe("MLP in float64, scripted")
def double(small: bool) -> Model:
    return _model(script(Net(_layers(64, 256, 10)).double()), 64, torch.float64)


@recipe("linear layers quantized to 8 bits as they run, scripted")
def quantized(small: bool) -> Model:
    width = 64 if small else 1024
    net = Net(_layers(width, width, width, 10)).eval()
    with warnings.catch_warnings():
        # New projects are pointed elsewhere; files that were made so are what is served here.
        warnings.simplefilter("ignore")
        return _model(
            script(torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)), width
        )
