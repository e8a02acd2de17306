"""Ray Serve."""

from __future__ import annotations

from peers import http_json
from peers.peer import SERVING, Launch, Peer, Place


def launch(place: Place) -> Launch:
    return Launch(
        [place.program("python"), str(SERVING / "ray_server.py"), str(place.ports[0])],
        {"PEER_ARTIFACT": str(place.artifact), "RAY_USAGE_STATS_ENABLED": "0"},
    )


PEER = Peer(
    name="Ray Serve 2.60.0",
    requirements=["ray[serve]==2.60.0"],
    is_grpc=False,
    path="/",
    launch=launch,
    request=http_json.request,
    answer=http_json.answer,
    note="2 replicas",
)
