"""Models of sequences: recurrent ones, transformers, convolutions over a length that is free."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .recipe import Model, Sample, recipe, script, tensor, trace


class LstmClassifier(nn.Module):
    """Two layers, both ways; a class from where both ends are reached."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x)
        return self.head(states.mean(1))


@recipe("LSTM classifier, two layers, both ways, scripted")
def lstm(small: bool) -> Model:
    length, features, hidden = (12, 8, 16) if small else (64, 40, 128)
    samples = [Sample({"x": torch.randn(count, length, features)}) for count in (1, 3)]
    module = script(LstmClassifier(features, hidden))
    return Model(module, [tensor("x", "FP32", -1, length, features)], samples)


class GruTagger(nn.Module):
    """Log-probabilities at every step."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 12)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.gru(x)
        return self.head(states).log_softmax(-1)


@recipe("GRU tagger of sequences of any length, scripted")
def gru(small: bool) -> Model:
    length, features, hidden = (12, 8, 16) if small else (64, 40, 128)
    shapes = ((1, length), (2, length // 2))
    samples = [Sample({"x": torch.randn(*shape, features)}) for shape in shapes]
    module = script(GruTagger(features, hidden))
    return Model(module, [tensor("x", "FP32", -1, -1, features)], samples)


class Layer(nn.Module):
    """Attention, spelled out, and two linear layers, each after a norm (Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.scale = self.head_width**-0.5
        self.first_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.second_norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.size()
        qkv = self.qkv(x).view(batch, length, 3, self.heads, self.head_width).permute(2, 0, 3, 1, 4)
        weights = (torch.matmul(qkv[0], qkv[1].transpose(-2, -1)) * self.scale).softmax(-1)
        return self.projection(torch.matmul(weights, qkv[2]).transpose(1, 2).reshape(batch, length, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.first_norm(x))
        return x + self.narrow(functional.gelu(self.wide(self.second_norm(x))))


class Encoder(nn.Module):
    def __init__(self, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layers(x))


# Layers, width, heads, tokens.
SIZES = {False: (6, 384, 6, 128), True: (2, 48, 4, 16)}


def _encoder_samples(width: int, length: int) -> list[Sample]:
    return [Sample({"x": torch.randn(count, length, width)}) for count in (1, 2)]


@recipe("transformer encoder, 6 × 384, attention spelled out, scripted")
def encoder(small: bool) -> Model:
    layers, width, heads, length = SIZES[small]
    samples = _encoder_samples(width, length)
    module = script(Encoder(layers, width, heads))
    return Model(module, [tensor("x", "FP32", -1, length, width)], samples)


@recipe("the same, traced")
def encoder_traced(small: bool) -> Model:
    layers, width, heads, length = SIZES[small]
    samples = _encoder_samples(width, length)
    module = trace(Encoder(layers, width, heads), torch.randn(2, length, width))
    return Model(module, [tensor("x", "FP32", -1, length, width)], samples)


class MaskedEncoder(nn.Module):
    """PyTorch's own, which takes a path of its own in C++ where nothing is trained."""

    def __init__(self, layers: int, width: int, heads: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.encoder(x, src_key_padding_mask=padding)


def _masked_model(module: torch.jit.ScriptModule, width: int, length: int) -> Model:
    samples = []
    for lengths in ([length // 2], [length, length // 3]):
        padding = torch.arange(length) >= torch.tensor(lengths).unsqueeze(1)
        samples.append(Sample({"x": torch.randn(len(lengths), length, width), "padding": padding}))
    inputs = [tensor("x", "FP32", -1, length, width), tensor("padding", "BOOL", -1, length)]
    return Model(module, inputs, samples)


@recipe("nn.TransformerEncoder with a key padding mask, scripted")
def encoder_masked(small: bool) -> Model:
    layers, width, heads, length = SIZES[small]
    return _masked_model(script(MaskedEncoder(layers, width, heads)), width, length)


@recipe("the same, traced")
def encoder_masked_traced(small: bool) -> Model:
    layers, width, heads, length = SIZES[small]
    example = torch.randn(2, length, width), torch.arange(length) >= torch.tensor([[length], [length // 2]])
    return _masked_model(trace(MaskedEncoder(layers, width, heads), *example), width, length)


class Waves(nn.Module):
    """Convolutions over a signal of any length, and what is most in it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, channels, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 5, padding=4, dilation=2),
            nn.ReLU(),
        )
        self.head = nn.Linear(2 * channels, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        return self.head(torch.cat([x.mean(-1), x.amax(-1)], dim=1))


@recipe("convolutions over a signal of any length, in batches of any size, scripted")
def waves(small: bool) -> Model:
    channels, length = (8, 40) if small else (64, 2000)
    samples = [Sample({"x": torch.randn(count, 4, size)}) for count, size in ((1, length), (3, length + 17))]
    return Model(script(Waves(channels)), [tensor("x", "FP32", -1, 4, -1)], samples)
