"""Run by BentoML."""

import bentoml
import torch
from torchscript import Module


@bentoml.service(workers=2)
class TorchScript:
    def __init__(self):
        self._module = Module()

    @bentoml.api
    def predict(self, x: list[list[float]]) -> dict:
        return {"y": self._module(torch.tensor(x)).tolist()}
