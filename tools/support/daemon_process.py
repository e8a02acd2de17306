"""A modeld of one's own: for the demo and the integration tests."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

from modeld_client import Client, DroppedFile, DroppedFileState, NotFoundError
from modeld_client._proto import admin_service_pb2

Seen = TypeVar("Seen")
POLL_S = 0.01


def wait_for(
    what: str, look: Callable[[], Seen | None], timeout_s: float = 30.0, poll_s: float = POLL_S
) -> Seen:
    """Looks until there is something to see, and returns it. TimeoutError names what was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(poll_s)


def wait_live(
    client: Client, model: str, version: str, timeout_s: float = 30.0, poll_s: float = POLL_S
) -> None:
    """Waits until the version is the one that unnamed requests get."""

    def is_live() -> bool:
        try:
            return client.get_model(model).model.live_version == version
        except NotFoundError:
            return False

    wait_for(f"{model} {version} to go live", is_live, timeout_s, poll_s)


def wait_dropped(
    client: Client,
    path: str,
    state: DroppedFileState = DroppedFileState.QUARANTINED,
    timeout_s: float = 30.0,
) -> DroppedFile:
    """Waits until a dropped file is reported in that state, and returns the report."""

    def find() -> DroppedFile | None:
        return next(
            (file for file in client.dropped_files() if (file.path, file.state) == (path, state)), None
        )

    return wait_for(f"{path} to be {state.name}", find, timeout_s)


class DaemonProcess:
    """The real binary with its own state and drop directory, on a free port of the loopback interface.

    As a context manager it starts at entry and is always ended at exit, by its process id.
    """

    def __init__(
        self,
        modeld: str | Path,
        modelctl: str | Path,
        directory: Path,
        *,
        settle_ms: int = 100,
        options: Sequence[str] = (),
    ) -> None:
        self.modeld = Path(modeld)
        self.modelctl = Path(modelctl)
        self.drop = directory / "models"
        self.state = directory / "state"
        self.socket = self.state / "admin.sock"
        self.database = self.state / "registry.db"
        self.log_path = directory / "modeld.log"
        self.settle_ms = settle_ms
        self.options = list(options)
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.drop.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> DaemonProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the daemon was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def command(self) -> list[str]:
        # Not its default, which the daemons of several tests would share.
        http = [] if any(each.startswith("--http-listen") for each in self.options) else ["127.0.0.1:0"]
        return [
            str(self.modeld),
            f"--drop-directory={self.drop}",
            f"--state-directory={self.state}",
            "--listen=127.0.0.1:0",
            *(f"--http-listen={address}" for address in http),
            f"--settle-ms={self.settle_ms}",
            *self.options,
        ]

    @property
    def http_address(self) -> str:
        """HOST:PORT of the HTTP listener: the last that the log tells."""
        found = re.findall(r"listening.* http=\"?([^\s\"]+)", self.log)
        assert found, f"the daemon does not listen for HTTP:\n{self.log}"
        return str(found[-1])

    def launch(self) -> None:
        """Starts the process, without waiting for anything."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log)

    def start(self, timeout_s: float = 60.0) -> None:
        """Starts the process and waits until it answers predictions."""
        self.launch()
        self.address = wait_for("the daemon to become ready", self._ready_status, timeout_s).addresses[0]
        with self.client() as client:
            wait_for("the daemon to be healthy", client.is_serving, timeout_s)

    def _ready_status(self) -> admin_service_pb2.GetStatusResponse | None:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the daemon ended with status {self._process.returncode}:\n{self.log}")
        if not self.socket.exists():
            return None
        try:
            status = self.status()
        except grpc.RpcError:
            return None
        return status if status.ready else None

    def status(self, timeout_s: float = 10.0) -> admin_service_pb2.GetStatusResponse:
        """What the daemon says of itself, over its administrative socket."""
        # A channel of its own each time: one that was refused waits before it connects again.
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"unix:{self.socket}", options) as channel:
            call = channel.unary_unary(
                "/modeld.v1.AdminService/GetStatus",
                request_serializer=admin_service_pb2.GetStatusRequest.SerializeToString,
                response_deserializer=admin_service_pb2.GetStatusResponse.FromString,
            )
            status: admin_service_pb2.GetStatusResponse = call(
                admin_service_pb2.GetStatusRequest(), timeout=timeout_s
            )
            return status

    def copy_in(self, source: Path, name: str | None = None) -> float:
        """Drops a file by a plain copy, as cp does it; when its last byte was written (time.monotonic)."""
        shutil.copyfile(source, self.drop / (name or source.name))
        return time.monotonic()

    def move_in(self, source: Path, name: str | None = None) -> float:
        """Drops a file by a copy under a name that is left alone and a rename; when that was done."""
        target = self.drop / (name or source.name)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, part)
        part.rename(target)
        return time.monotonic()

    def client(self, **arguments: Any) -> Client:
        return Client(self.address, **arguments)

    def try_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs modelctl against this daemon, whatever it exits with."""
        command = [str(self.modelctl), f"--socket={self.socket}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def ctl(self, *arguments: str) -> str:
        """Runs modelctl and returns what it prints. RuntimeError if it fails."""
        answer = self.try_ctl(*arguments)
        if answer.returncode != 0:
            raise RuntimeError(f"modelctl {' '.join(arguments)}: exit {answer.returncode}: {answer.stderr}")
        return answer.stdout

    def ctl_json(self, *arguments: str) -> Any:
        return json.loads(self.ctl(*arguments, "-o", "json"))

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the daemon was not started"
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 60.0) -> int:
        """Waits for the process to end; its exit status."""
        assert self._process is not None, "the daemon was not started"
        return self._process.wait(timeout_s)

    def terminate(self, timeout_s: float = 60.0) -> int:
        """SIGTERM; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, if the process lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
