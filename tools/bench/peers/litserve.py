"""LitServe."""

from __future__ import annotations

from peers import http_json
from peers.peer import SERVING, Launch, Peer, Place


def launch(place: Place) -> Launch:
    return Launch(
        [place.program("python"), str(SERVING / "litserve_server.py"), str(place.ports[0])],
        {"PEER_ARTIFACT": str(place.artifact)},
    )


PEER = Peer(
    name="LitServe 0.2.19",
    requirements=["litserve==0.2.19"],
    is_grpc=False,
    path="/predict",
    launch=launch,
    request=http_json.request,
    answer=http_json.answer,
    note="2 workers",
)
