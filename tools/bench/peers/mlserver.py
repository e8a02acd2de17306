"""MLServer."""

from __future__ import annotations

import json

from peers import open_inference
from peers.peer import MODEL, SERVING, Launch, Peer, Place


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
        {"PYTHONPATH": str(SERVING), "PEER_ARTIFACT": str(place.artifact)},
    )


PEER = Peer(
    name="MLServer 1.7.1",
    requirements=["mlserver==1.7.1", "uvloop==0.21.0"],  # with a later uvloop it does not start
    is_grpc=True,
    path=open_inference.METHOD,
    launch=launch,
    request=open_inference.request,
    answer=open_inference.answer,
    note="2 workers",
)
