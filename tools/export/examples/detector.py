"""A dictionary of outputs, as detectors return: boxes, scores and classes for each image."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


class Detector(nn.Module):
    """One box for each cell of a coarse grid."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 16, 4, 4), nn.ReLU())
        self.head = nn.Conv2d(16, 4 + classes, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        cells = self.head(self.backbone(image)).flatten(2).transpose(1, 2).contiguous()
        scores, labels = cells[..., 4:].softmax(-1).max(-1)
        return {"boxes": cells[..., :4].sigmoid().contiguous(), "scores": scores, "labels": labels}


def recipe() -> Recipe:
    torch.manual_seed(0)
    return Recipe(
        module=Detector().eval(),
        example_inputs=torch.rand(2, 3, 64, 64),
        name="detector",
        version="1.0",
        formats=["scripted"],
    )
