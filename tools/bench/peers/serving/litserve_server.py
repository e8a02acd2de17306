"""Run with LitServe; the argument is the port."""

import sys

import litserve
import torch
from torchscript import Module


class TorchScript(litserve.LitAPI):
    def setup(self, device):
        self._module = Module()

    def decode_request(self, request):
        return torch.tensor(request["x"])

    def predict(self, x):
        return self._module(x)

    def encode_response(self, y):
        return {"y": y.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(TorchScript(), accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
