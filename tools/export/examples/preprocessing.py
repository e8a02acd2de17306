"""Pictures in, names out: what happens to an encoded image before the model sees it stands in the config."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


class Colors(nn.Module):
    """Which of three colors a picture has most of."""

    def forward(self, image: Tensor) -> Tensor:
        return image.mean((2, 3)) * 4


def recipe() -> Recipe:
    return Recipe(
        module=Colors().eval(),
        example_inputs=torch.rand(1, 3, 32, 32),
        name="colors",
        version="1.0",
        formats=["scripted"],
        output_names=["scores"],
        labels={"scores": ["red", "green", "blue"]},
        config={
            "preprocess": {
                "image": {
                    "image": {
                        "resize": {"width": 32, "height": 32},
                        "scale": 1 / 255,
                        "mean": [0.5],
                        "std": [0.5],
                    }
                }
            },
            "postprocess": {"scores": {"softmax": True, "top_k": 1}},
        },
    )
