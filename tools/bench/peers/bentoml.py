"""BentoML."""

from __future__ import annotations

from peers import http_json
from peers.peer import SERVING, Launch, Place


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
            "BENTOML_HOME": str(place.work / "home"),
            "BENTOML_DO_NOT_TRACK": "true",
        },
    )


PEER = http_json.peer("BentoML 1.4.40", ["bentoml==1.4.40"], launch, "2 workers")
