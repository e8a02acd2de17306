"""ResNet-18, written out: torchvision is not needed. Every format; height and width are the caller's too."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


class Block(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.layers(x) + self.shortcut(x))


class ResNet18(nn.Module):
    """He et al. 2016, table 1: 11.7 million parameters."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = 64
        for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
            inputs = outputs
        self.layers = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(512, classes),
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def recipe() -> Recipe:
    torch.manual_seed(0)
    return Recipe(
        module=ResNet18().eval(),
        example_inputs=torch.rand(1, 3, 64, 64),
        name="resnet18",
        version="1.0",
        formats=["traced", "scripted", "onnx"],
        dynamic={"image": {0: "batch", 2: "height", 3: "width"}},
        output_names=["logits"],
        opset=17,
    )
