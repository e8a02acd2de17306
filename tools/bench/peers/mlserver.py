"""MLServer."""

from __future__ import annotations

import json

from peers import open_inference
from peers.peer import MODEL, SERVING, Launch, Place


def launch(place: Place) -> Launch:
    grpc, http, metrics = place.ports[:3]
    (place.work / "settings.json").write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "grpc_port": grpc,
                "http_port": http,
                "metrics_port": metrics,
                "parallel_workers": 2,
            }
        )
    )
    (place.work / "model-settings.json").write_text(
        json.dumps({"name": MODEL, "implementation": "mlserver_runtime.TorchScript"})
    )
    return Launch(
        [place.program("mlserver"), "start", str(place.work)],
        {"PYTHONPATH": str(SERVING)},
    )


# With a later uvloop it does not start.
PEER = open_inference.peer("MLServer 1.7.1", ["mlserver==1.7.1", "uvloop==0.21.0"], launch, "2 workers")
