"""Servers that speak HTTP with JSON: {"x": [[…]]} in, {"y": [[…]]} out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from peers.peer import SERVING, Launch, Peer, Place


def request(x: np.ndarray) -> bytes:
    return json.dumps({"x": x.tolist()}).encode()


def answer(message: bytes) -> np.ndarray:
    return np.array(json.loads(message)["y"], np.float32)


def run_script(name: str) -> Callable[[Place], Launch]:
    """Runs a server that is a script of SERVING, with the port as its argument."""
    return lambda place: Launch([place.program("python"), str(SERVING / name), str(place.ports[0])])


def peer(
    name: str,
    requirements: Sequence[str],
    launch: Callable[[Place], Launch],
    note: str,
    path: str = "/predict",
) -> Peer:
    return Peer(
        name=name,
        requirements=requirements,
        is_grpc=False,
        path=path,
        launch=launch,
        request=request,
        answer=answer,
        note=note,
    )
