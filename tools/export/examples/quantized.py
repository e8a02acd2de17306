"""A stack of linear layers in eight bits: a quarter of the bytes."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe, Tolerance


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8)
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


def recipe() -> Recipe:
    torch.manual_seed(0)
    return Recipe(
        module=Stack().eval(),
        example_inputs=torch.randn(4, 64),
        name="stack",
        version="1.0",
        formats=["int8"],
        tolerance=Tolerance(rtol=0.05, atol=0.05),
    )
