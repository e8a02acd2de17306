"""LitServe."""

from __future__ import annotations

from peers import http_json

PEER = http_json.peer(
    "LitServe 0.2.19", ["litserve==0.2.19"], http_json.run_script("litserve_server.py"), "2 workers"
)
