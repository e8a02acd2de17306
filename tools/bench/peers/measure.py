"""How much faster than other servers: the same file, the same client, in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import models
from h2load import grpc_body, grpc_rate, http_rate
from rates import PREDICT, deploy, expect_no_errors, predict_body
from report import Row, row
from setting import Setting

from peers import bentoml, litserve, mlserver, ray_serve, torchserve, triton
from peers.peer import MODEL, CannotRun, Peer, install, running, sample

PEERS = [
    torchserve.PLAIN,
    torchserve.BATCHING,
    triton.PEER,
    mlserver.PEER,
    litserve.PEER,
    bentoml.PEER,
    ray_serve.PEER,
]
CASE = "other servers, MLP, calls/s"
IN_FLIGHT = (1, 8, 64)
GOAL_AT, GOAL = 8, 5
REPETITIONS = 3


def rate_of(setting: Setting, peer: Peer, port: int) -> Callable[[int], float]:
    message = peer.request(sample())
    target = f"127.0.0.1:{port}"
    path = setting.work / "peer.body"
    if peer.is_grpc:
        body = grpc_body(path, message)
        return lambda in_flight: grpc_rate(target, peer.path, body, in_flight)
    path.write_bytes(message)
    return lambda in_flight: http_rate(target, peer.path, path, in_flight)


def peers(setting: Setting) -> Iterator[Row]:
    """Other servers with the MLP, each in its own environment, in turns with modeld."""
    assert setting.peers is not None
    mlp = models.Versions(models.Mlp(), MODEL, setting.work / "peers")
    fastest: tuple[float, float, str] | None = None
    with setting.daemon("peers", options=["--log-level=warning"]) as daemon, daemon.client() as client:
        deploy(daemon, client, mlp.save("1.0", 0.0), MODEL)
        artifact = mlp.save("1.0", 0.0)  # the other one was moved into the drop directory
        ours_body = predict_body(setting, MODEL, (16,))

        def ours(in_flight: int) -> float:
            return grpc_rate(daemon.address, PREDICT, ours_body, in_flight)

        for number, peer in enumerate(PEERS):
            found = turns(setting, peer, artifact, ours, number)
            if isinstance(found, CannotRun):
                yield row(CASE, f"{peer.title} does not run here: {found}", None, "runs", False)
                continue
            for in_flight, theirs, mine in found:
                if in_flight == GOAL_AT and (fastest is None or theirs > fastest[0]):
                    fastest = (theirs, mine, peer.title)
                metric = f"{peer.title}, {in_flight} in flight (reference: modeld, in turn)"
                yield row(CASE, metric, theirs, "reported only", True, mine)
        expect_no_errors(client, MODEL)
    if fastest is not None:
        theirs, mine, title = fastest
        yield row(
            CASE,
            f"modeld, {GOAL_AT} in flight (reference: the fastest of the others, {title})",
            mine,
            f"≥ {GOAL} × reference",
            mine >= GOAL * theirs,
            theirs,
        )


def turns(
    setting: Setting, peer: Peer, artifact: Path, ours: Callable[[int], float], number: int
) -> list[tuple[int, float, float]] | CannotRun:
    """For each number under way the median rates of the peer and of modeld."""
    assert setting.peers is not None
    found = []
    try:
        environment = install(peer, setting.peers)
        with running(peer, environment, artifact, setting.work / f"peer-{number}") as port:
            theirs = rate_of(setting, peer, port)
            for in_flight in IN_FLIGHT:
                pairs = [(theirs(in_flight), ours(in_flight)) for _ in range(REPETITIONS)]
                their_rate = statistics.median(rate for rate, _ in pairs)
                our_rate = statistics.median(rate for _, rate in pairs)
                found.append((in_flight, their_rate, our_rate))
    except CannotRun as error:
        return error
    return found
