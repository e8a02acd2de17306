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
    work: Path  # a directory of this run's own
    short: bool  # for `make test`: seconds instead of minutes
    seed: int

    def daemon(self, name: str, settle_ms: int = 0, options: Sequence[str] = ()) -> DaemonProcess:
        return DaemonProcess(
            self.modeld, self.modelctl, self.work / name, settle_ms=settle_ms, options=options
        )
