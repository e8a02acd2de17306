"""What every case is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon_process import DaemonProcess


@dataclass(frozen=True)
class Setting:
    modeld: str
    modelctl: str
    load: str  # the load generator, modeld_load
    echo: str  # the floor of gRPC, modeld_echo
    forward: str  # the floor of LibTorch, modeld_forward
    plans: str  # plans and engines called bare, modeld_plan_bench
    image: str  # the floor of images beside the daemon's way, modeld_image_bench
    work: Path  # a directory of this run's own
    peers: Path | None = None  # where other servers are installed; None: they are not measured

    def daemon(self, name: str, settle_ms: int = 50, options: Sequence[str] = ()) -> DaemonProcess:
        """One that runs versions as they were saved, as the floors that it is measured against do."""
        return DaemonProcess(
            self.modeld,
            self.modelctl,
            self.work / name,
            settle_ms=settle_ms,
            options=["--try-plans=false", *options],
        )
