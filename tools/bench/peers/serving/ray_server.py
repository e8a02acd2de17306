"""Run with Ray Serve; the argument is the port."""

import os
import signal
import sys

import ray
import torch
from ray import serve
from torchscript import Module


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 0.5}, max_ongoing_requests=100)
class TorchScript:
    def __init__(self):
        self._module = Module()

    async def __call__(self, request):
        body = await request.json()
        return {"y": self._module(torch.tensor(body["x"])).tolist()}


if __name__ == "__main__":
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(TorchScript.bind())
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
