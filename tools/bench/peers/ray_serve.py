"""Ray Serve."""

from __future__ import annotations

from peers import http_json

PEER = http_json.peer(
    "Ray Serve 2.60.0", ["ray[serve]==2.60.0"], http_json.run_script("ray_server.py"), "2 replicas", path="/"
)
