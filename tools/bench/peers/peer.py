"""Another model server: how it is installed, started, called, and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
import torch

SERVING = Path(__file__).resolve().parent / "serving"
START_TIMEOUT_S = 180
END_TIMEOUT_S = 20
MODEL = "mlp"


@dataclass(frozen=True)
class Place:
    """Where one server is to run."""

    environment: Path  # a virtual environment of its own
    artifact: Path  # the TorchScript file to serve as MODEL
    work: Path  # an empty directory
    ports: Sequence[int]  # free ones; the first is the one to be called

    def program(self, name: str) -> str:
        return str(self.environment / "bin" / name)

    @property
    def packages(self) -> Path:
        return next((self.environment / "lib").glob("python3*/site-packages"))


@dataclass(frozen=True)
class Launch:
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)  # beside PEER_ARTIFACT, the place's artifact


@dataclass(frozen=True)
class Peer:
    name: str
    requirements: Sequence[str]  # pinned; torch is added
    is_grpc: bool
    path: str  # gRPC's method, or HTTP's path
    launch: Callable[[Place], Launch]  # writes what the server needs into its place
    request: Callable[[np.ndarray], bytes]
    answer: Callable[[bytes], np.ndarray]
    note: str = ""  # how it is set up, where there is a choice

    @property
    def title(self) -> str:
        how = ", ".join(part for part in ("gRPC" if self.is_grpc else "HTTP", self.note) if part)
        return f"{self.name} ({how})"


class CannotRun(Exception):
    """Why a peer could not be installed or started."""


def install(peer: Peer, root: Path) -> Path:
    """The peer's virtual environment under `root`, made where it is missing."""
    environment = root / peer.name.replace(" ", "-").lower()
    done = environment / ".installed"
    pinned_torch = f"torch=={torch.__version__.partition('+')[0]}"
    wanted = "\n".join([pinned_torch, *peer.requirements])
    if done.exists() and done.read_text() == wanted:
        return environment
    venv.create(environment, with_pip=True, clear=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    for packages in ([pinned_torch], peer.requirements):
        # One after the other: the CPU build of torch is not to be replaced by what a peer would take.
        result = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise CannotRun(f"pip install {' '.join(packages)}: {last_line(result.stderr)}")
    done.write_text(wanted)
    return environment


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def call(peer: Peer, port: int, message: bytes) -> bytes:
    if peer.is_grpc:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            reply: bytes = channel.unary_unary(peer.path)(message, timeout=10)
            return reply
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{peer.path}", message, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        body: bytes = response.read()
        return body


@contextmanager
def running(peer: Peer, environment: Path, artifact: Path, work: Path) -> Iterator[int]:
    """The server, once it gives the module's own answer; the port to call. CannotRun."""
    work.mkdir(parents=True)
    place = Place(environment, artifact, work, free_ports(6))
    launch = peer.launch(place)
    log_path = work / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=work,
            env={
                **os.environ,
                "PATH": f"{environment}/bin:{os.environ['PATH']}",
                "PEER_ARTIFACT": str(artifact),
                **launch.environment,
            },
            start_new_session=True,
        )
    try:
        expect_answer(peer, place.ports[0], artifact, process, log_path)
        yield place.ports[0]
    finally:
        end(process)


def expect_answer(
    peer: Peer, port: int, artifact: Path, process: subprocess.Popen[bytes], log_path: Path
) -> None:
    x = sample()
    expected = torch.jit.load(str(artifact))(torch.from_numpy(x)).detach().numpy()
    deadline = time.monotonic() + START_TIMEOUT_S
    problem = "no answer"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer = peer.answer(call(peer, port, peer.request(x)))
        except Exception as error:  # whatever a server says that is not ready
            problem = f"{type(error).__name__}: {last_line(str(error))}"
            time.sleep(0.5)
            continue
        if answer.shape != expected.shape or not np.allclose(answer, expected, atol=1e-5):
            raise CannotRun(f"answers {answer}, and the module itself {expected}")
        return
    ended = "" if process.poll() is None else f"ended with status {process.returncode}; "
    raise CannotRun(f"{ended}{problem}; its log ends: {last_line(log_path.read_text(errors='replace'))}")


def sample() -> np.ndarray:
    return np.random.default_rng(7).random((1, 16), dtype=np.float32)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and what it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            print(f"peers: process group {process.pid} does not end, and is killed", file=sys.stderr)
