"""Runs one daemon for a benchmark case."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType

from modeld_client import Client, ModeldError


class Daemon:
    """A daemon of its own: state, drop directory, a free port. Use as a context manager."""

    def __init__(self, modeld: str, modelctl: str, work: Path, *, settle_ms: int = 50) -> None:
        self.modeld = modeld
        self.modelctl = modelctl
        self.drop = work / "models"
        self.state = work / "state"
        self.log_path = work / "modeld.log"
        self.settle_ms = settle_ms
        self.drop.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.state / "admin.sock"

    def start(self, timeout_s: float = 120.0) -> float:
        """Starts the daemon and waits until it is ready; seconds that took, from exec."""
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [
                    self.modeld,
                    f"--drop-directory={self.drop}",
                    f"--state-directory={self.state}",
                    "--listen=127.0.0.1:0",
                    f"--settle-ms={self.settle_ms}",
                ],
                stdout=log,
                stderr=log,
            )
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended at start; its log: {self.log_path.read_text()}")
            if time.monotonic() - began > timeout_s:
                raise RuntimeError("the daemon did not become ready")
            if self.socket.exists():
                try:
                    with Client(f"unix:{self.socket}", timeout=1.0) as client:
                        if client.is_serving():
                            return time.monotonic() - began
                except ModeldError:
                    pass
            time.sleep(0.002)

    def address(self) -> str:
        return str(self.ctl("status")["addresses"][0])

    def ctl(self, *arguments: str) -> dict:
        """One modelctl command; its JSON."""
        done = subprocess.run(
            [self.modelctl, f"--socket={self.socket}", "-o", "json", *arguments],
            check=True,
            capture_output=True,
        )
        return json.loads(done.stdout)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            if self.process.wait(timeout=60) != 0:
                raise RuntimeError(f"the daemon ended with status {self.process.returncode}")
        self.process = None

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        elif self.process is not None:
            self.process.kill()
            self.process.wait()


def drop(daemon: Daemon, artifact: Path, name: str) -> float:
    """Puts a file into the drop directory by copy and rename; the monotonic time of its last byte."""
    part = daemon.drop / f".{name}.part"
    part.write_bytes(artifact.read_bytes())
    part.rename(daemon.drop / name)
    return time.monotonic()


def wait_live(client: Client, model: str, version: str, timeout_s: float = 60.0) -> float:
    """Polls until the daemon says that the version is live; the monotonic time after the answer."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if client.get_model(model).live_version == version:
                return time.monotonic()
        except ModeldError:
            pass
        time.sleep(0.001)
    raise RuntimeError(f"{model} {version} did not become live within {timeout_s:.0f} s")
