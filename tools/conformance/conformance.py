"""Runs public clients, unmodified and each in an environment of its own, against the daemon.

Run by `make conformance`; prints one line a client. A client is a script in clients/, which begins with the
packages that it needs (`# requires: tritonclient[grpc]==2.73.0`), finds the daemon's addresses in MODELD_GRPC
and MODELD_HTTP, and raises where the daemon does not answer as the protocol says.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import served
from daemon_process import DaemonProcess, wait_live

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 300


@dataclass(frozen=True)
class Client:
    """A script, with what its first lines say of it."""

    path: Path
    requires: tuple[str, ...]
    # Packages of which a file is wanted, and not what they require.
    takes_from: tuple[str, ...]
    # Whether it is quick to install and run: part of `make test`.
    is_quick: bool

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def of(cls, path: Path) -> Client:
        text = path.read_text()

        def packages(key: str) -> tuple[str, ...]:
            found = re.search(rf"^# {key}: *(.*)$", text, re.M)
            return tuple(found[1].split()) if found else ()

        return cls(
            path=path,
            requires=packages("requires"),
            takes_from=packages("takes from"),
            is_quick=re.search(r"^# quick$", text, re.M) is not None,
        )


def clients(only: Sequence[str] = (), quick: bool = False) -> list[Client]:
    found = [Client.of(path) for path in sorted((HERE / "clients").glob("*.py"))]
    unknown = set(only) - {client.name for client in found}
    if unknown:
        raise SystemExit(f"no such client: {', '.join(sorted(unknown))}")
    return [
        client for client in found if (not only or client.name in only) and (client.is_quick or not quick)
    ]


def environment(client: Client, directory: Path) -> Path:
    """The Python of the client's own environment, which is made where it is missing or asks for more."""
    place = directory / client.name
    marker = place / "requires"
    wanted = "\n".join([*client.requires, *client.takes_from])
    if not marker.is_file() or marker.read_text() != wanted:
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        for options, packages in (([], client.requires), (["--no-deps"], client.takes_from)):
            if packages:
                install = [place / "bin" / "pip", "install", "--quiet", *options, *packages]
                done = subprocess.run(install, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    raise RuntimeError(f"{client.name} cannot be installed: {done.stderr.strip()}")
        marker.write_text(wanted)
    return place / "bin" / "python"


def run(client: Client, daemon: DaemonProcess, directory: Path) -> str:
    """Empty: it found nothing wrong."""
    try:
        command = [str(environment(client, directory)), str(client.path)]
    except RuntimeError as error:
        return str(error)
    # The clients' packages are their own. Not as arguments: some packages take those for theirs.
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    variables |= {"MODELD_GRPC": daemon.address, "MODELD_HTTP": daemon.http_address}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=variables
        )
    except subprocess.TimeoutExpired:
        return f"not done after {TIMEOUT_S} s"
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modeld", required=True)
    parser.add_argument("--modelctl", required=True)
    parser.add_argument("--environments", type=Path, required=True, help="where the clients are installed")
    parser.add_argument("--only", action="append", default=[], help="run this client; may be given again")
    parser.add_argument("--quick", action="store_true", help="run those that take little time")
    arguments = parser.parse_args()

    directory = Path(tempfile.mkdtemp(prefix="modeld-conformance-"))
    failed = 0
    try:
        daemon = DaemonProcess(arguments.modeld, arguments.modelctl, directory, options=served.OPTIONS)
        with daemon, daemon.client() as own:
            for model in served.save_all(directory / "made"):
                daemon.move_in(model.path)
                wait_live(own, model.name, model.version, timeout_s=60)
            for client in clients(arguments.only, arguments.quick):
                trouble = run(client, daemon, arguments.environments)
                failed += bool(trouble)
                print(f"conformance: {client.name}: {'FAILED' if trouble else 'passed'}", flush=True)
                if trouble:
                    print("    " + trouble.replace("\n", "\n    "))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
