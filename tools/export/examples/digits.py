"""Handwritten digits: trained here, with labels, in FP32 and in eight bits; accuracy on held-out digits."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from modeld_export import Recipe


class Digits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def scans() -> tuple[Tensor, Tensor]:
    """The 1,797 scans of scikit-learn, shuffled: pictures [N, 1, 8, 8] from 0 to 1, and what they show."""
    bundle = load_digits()
    order = torch.randperm(len(bundle.target), generator=torch.Generator().manual_seed(0))
    pictures = torch.tensor(bundle.images / 16.0, dtype=torch.float32).unsqueeze(1)
    return pictures[order], torch.tensor(bundle.target)[order]


def train(pictures: Tensor, digits: Tensor) -> nn.Module:
    torch.manual_seed(0)
    net = Digits()
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    for _ in range(6):
        for batch in torch.randperm(len(digits)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(pictures[batch]), digits[batch]).backward()
            optimizer.step()
    return net.eval()


def recipe() -> Recipe:
    pictures, digits = scans()
    held_out = 450
    return Recipe(
        module=train(pictures[held_out:], digits[held_out:]),
        example_inputs=pictures[:2],
        name="digits",
        version="1.0",
        formats=["traced", "scripted", "onnx", "int8", "bf16"],
        output_names=["logits"],
        labels={"logits": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]},
        config={"batching": {"max_batch_size": 64}, "postprocess": {"logits": {"softmax": True, "top_k": 3}}},
        validation=[(pictures[:held_out], digits[:held_out])],
    )
