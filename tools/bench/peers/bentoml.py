"""BentoML."""

from __future__ import annotations

from peers import http_json
from peers.peer import SERVING, Launch, Peer, Place


def launch(place: Place) -> Launch:
    return Launch(
        [
            place.program("bentoml"),
            "serve",
            "bentoml_service:TorchScript",
            f"--working-dir={SERVING}",
            "--host=127.0.0.1",
            f"--port={place.ports[0]}",
        ],
        {
            "PEER_ARTIFACT": str(place.artifact),
            "BENTOML_HOME": str(place.work / "home"),
            "BENTOML_DO_NOT_TRACK": "true",
        },
    )


PEER = Peer(
    name="BentoML 1.4.40",
    requirements=["bentoml==1.4.40"],
    is_grpc=False,
    path="/predict",
    launch=launch,
    request=http_json.request,
    answer=http_json.answer,
    note="2 workers",
)
