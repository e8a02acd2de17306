"""Models of many kinds: every artifact within its tolerance, or refused for what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from zoo import dense, language, sequences, tokens, vision

from modeld_export import Tolerance

FLOATS = ("traced", "scripted", "onnx")
ALL = (*FLOATS, "int8", "bf16")


def settled(module: nn.Module, size: int = 32) -> nn.Module:
    from zoo.recipe import settle

    return settle(module, [torch.rand(2, 3, size, size) for _ in range(2)])


def inverted_residuals() -> nn.Module:
    """What MobileNetV2 is made of, once each."""
    blocks = ((3, 8, 2, 1), (8, 16, 2, 6), (16, 16, 1, 6))
    return nn.Sequential(*(vision.InvertedResidual(*block) for block in blocks))


# By name: how it is made, what it is called with, and the formats in which it has to be right.
RIGHT: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any], tuple[str, ...]]] = {
    "mlp": (lambda: dense.Net(dense._layers(64, 256, 256, 10)), lambda: torch.randn(2, 64), ALL),
    "double": (
        lambda: dense.Net(dense._layers(64, 256, 10)).double(),
        lambda: torch.randn(2, 64, dtype=torch.float64),
        FLOATS,
    ),
    "counts": (
        language.Counts,
        lambda: (torch.randint(9, (2, 8)), torch.rand(2, 8) > 0.5),
        ("traced", "scripted"),
    ),
    "dropping": (language.Dropping, lambda: torch.randn(2, 16), FLOATS),
    "branches": (language.Branches, lambda: torch.randn(2, 16), ("scripted",)),
    "lstm": (lambda: sequences.LstmClassifier(8, 16), lambda: torch.randn(2, 12, 8), FLOATS),
    "gru": (lambda: sequences.GruTagger(8, 16), lambda: torch.randn(2, 12, 8), FLOATS),
    "encoder": (lambda: sequences.Encoder(2, 48, 4), lambda: torch.randn(2, 16, 48), ALL),
    "waves": (lambda: sequences.Waves(8), lambda: torch.randn(2, 4, 40), FLOATS),
    "embedding-bag": (lambda: tokens.Bag(100), lambda: torch.randint(100, (2, 16)), ("traced", "scripted")),
    "tokens": (lambda: tokens.Tokens(100), lambda: torch.randint(100, (2, 32)), FLOATS),
    "words": (tokens.Words, lambda: (["good", "film"],), ("scripted",)),
    "gpt": (lambda: tokens.Gpt(100, 32, 2, 32, 4), lambda: torch.randint(100, (2, 8)), FLOATS),
    "resnet18": (lambda: settled(vision.ResNet18()), lambda: torch.rand(2, 3, 32, 32), FLOATS),
    "mobilenetv2": (lambda: settled(vision.MobileNetV2()), lambda: torch.rand(2, 3, 32, 32), FLOATS),
    "inverted-residuals": (lambda: settled(inverted_residuals()), lambda: torch.rand(2, 3, 32, 32), FLOATS),
    "unet": (lambda: settled(vision.UNet(8, upsample=False)), lambda: torch.rand(2, 3, 32, 32), FLOATS),
    "detector": (
        lambda: settled(vision.Detector(64), 64),
        lambda: torch.rand(2, 3, 64, 64),
        ("scripted",),
    ),
}


# The exporter of newer ones takes a minute for so many layers; inverted-residuals has them all, by it.
OPSET = {"mobilenetv2": 17}
# Another engine adds up in another order, and these are deep.
TOLERANCE = {
    "mobilenetv2": Tolerance(1e-3, 1e-3),
    "resnet18": Tolerance(1e-3, 1e-3),
    "unet": Tolerance(1e-3, 1e-3),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other in small layers take ten times as long where a machine is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_right(exported: Any, name: str) -> None:
    make, inputs, formats = RIGHT[name]
    made = exported(
        make().eval(), inputs(), formats, name=name, tolerance=TOLERANCE.get(name), opset=OPSET.get(name)
    )
    assert made.ok, [
        (artifact.format, str(finding)) for artifact in made.artifacts for finding in artifact.findings
    ]


def test_a_trace_of_branches_is_refused(exported: Any) -> None:
    made = exported(language.Branches(), torch.randn(2, 16), ["traced"])
    assert not made.ok
    assert "branch" in {finding.kind for finding in made.artifacts[0].findings}
