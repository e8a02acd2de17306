"""Run by TorchServe: 16 values of float32 a request, batched along dimension 0."""

import os

import numpy as np
import torch


class Handler:
    def __init__(self):
        self.initialized = False
        self._module = None

    def initialize(self, context):
        torch.set_num_threads(1)
        directory = context.system_properties["model_dir"]
        file = context.manifest["model"]["serializedFile"]
        self._module = torch.jit.load(os.path.join(directory, file)).eval()
        self.initialized = True

    def handle(self, data, context):
        rows = np.stack([np.frombuffer(request["x"], np.float32) for request in data])
        with torch.inference_mode():
            y = self._module(torch.from_numpy(rows)).numpy()
        return [row.tobytes() for row in y]
