"""The module, as every server here runs it: one thread, no gradients."""

import os

import torch


class Module:
    def __init__(self):
        torch.set_num_threads(1)
        self._module = torch.jit.load(os.environ["PEER_ARTIFACT"]).eval()

    def __call__(self, x):
        with torch.inference_mode():
            return self._module(x)
