"""A branch that depends on a flag, and a loop that depends on the data: no trace can hold them, a script
can."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


class Settles(nn.Module):
    """Averages neighbours until little changes; upside down where `invert` says so."""

    def forward(self, x: Tensor, invert: bool) -> Tensor:
        if invert:
            x = 1.0 - x
        for _ in range(100):
            smoother = (x + x.roll(1, -1)) / 2
            if float((smoother - x).abs().max()) < 1e-3:
                break
            x = smoother
        return x


def recipe() -> Recipe:
    return Recipe(
        module=Settles().eval(),
        example_inputs={"x": torch.linspace(0, 1, 12).reshape(2, 6), "invert": True},
        name="settles",
        version="1.0",
        formats=["scripted"],
        more_inputs=[{"x": torch.rand(3, 6), "invert": False}],
    )
