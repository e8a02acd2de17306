"""Run by Triton's Python backend."""

import os
import sys

# The backend's own Python 3.11 does not look at it.
sys.path.extend(os.environ["PYTHONPATH"].split(os.pathsep))

import torch
import triton_python_backend_utils as pb_utils
from torchscript import Module


class TritonPythonModel:
    def initialize(self, args):
        self._module = Module()

    def execute(self, requests):
        responses = []
        for request in requests:
            x = torch.from_numpy(pb_utils.get_input_tensor_by_name(request, "x").as_numpy())
            y = self._module(x).numpy()
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("y", y)]))
        return responses
