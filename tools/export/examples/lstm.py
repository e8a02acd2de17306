"""An LSTM whose state the caller keeps: in goes a step with the state, out come the answer and the next
state."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


class Forecast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, c = self.cell(x, (h, c))
        return self.head(h), h, c


def recipe() -> Recipe:
    torch.manual_seed(0)
    return Recipe(
        module=Forecast().eval(),
        example_inputs=(torch.rand(2, 3), torch.zeros(2, 8), torch.zeros(2, 8)),
        name="forecast",
        version="1.0",
        formats=["traced", "scripted", "onnx"],
        output_names=["forecast", "next_h", "next_c"],
    )
