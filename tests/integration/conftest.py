"""The real binaries, from MODELD_BIN and MODELCTL_BIN (or --modeld and --modelctl)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, wait_live

LOG_LINES = 60
_running: list[DaemonProcess] = []

# Started in the background by a shell, this process ignores SIGINT, and so would every command it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--modeld", default=os.environ.get("MODELD_BIN"), help="the daemon [$MODELD_BIN]")
    parser.addoption("--modelctl", default=os.environ.get("MODELCTL_BIN"), help="[$MODELCTL_BIN]")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        for daemon in _running:
            tail = "\n".join(daemon.log.splitlines()[-LOG_LINES:])
            report.sections.append((f"log of {daemon.state.parent.name}", tail))
    return report


@pytest.fixture(scope="session")
def binaries(pytestconfig: pytest.Config) -> dict[str, Path]:
    found = {}
    for name in ("modeld", "modelctl"):
        path = pytestconfig.getoption(name)
        if not path or not Path(path).is_file():
            pytest.fail(f"no {name} at {path!r}: build it, and set {name.upper()}_BIN", pytrace=False)
        found[name] = Path(path)
    return found


class Daemons:
    """Makes daemons that are ended, and whose directories are removed, after their scope."""

    def __init__(self, binaries: dict[str, Path]) -> None:
        self._binaries = binaries
        self._made: list[DaemonProcess] = []
        self._directories: list[Path] = []

    def make(self, *options: str, settle_ms: int = 50, directory: Path | None = None) -> DaemonProcess:
        """A daemon that is not started yet; on the state of another one if its directory is given."""
        if directory is None:
            # Not pytest's tmp_path: a Unix socket's path may be 107 bytes long.
            directory = Path(tempfile.mkdtemp(prefix="modeld-test-"))
            self._directories.append(directory)
        # Tests that are not about plans are not to wait for them, nor to have them tried beside.
        given = {option.split("=")[0] for option in options}
        defaults = {"--incomplete-timeout-s": "1", "--try-plans": "false"}
        daemon = DaemonProcess(
            self._binaries["modeld"],
            self._binaries["modelctl"],
            directory,
            settle_ms=settle_ms,
            options=[*options, *(f"{name}={value}" for name, value in defaults.items() if name not in given)],
        )
        self._made.append(daemon)
        _running.append(daemon)
        return daemon

    def start(self, *options: str, **arguments: Any) -> DaemonProcess:
        daemon = self.make(*options, **arguments)
        daemon.start()
        return daemon

    def end(self) -> None:
        for daemon in self._made:
            daemon.kill()
            _running.remove(daemon)
        for directory in self._directories:
            shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def daemons(binaries: dict[str, Path]) -> Iterator[Daemons]:
    made = Daemons(binaries)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared_daemons(binaries: dict[str, Path]) -> Iterator[Daemons]:
    made = Daemons(binaries)
    yield made
    made.end()


@pytest.fixture
def daemon(daemons: Daemons) -> DaemonProcess:
    """A running daemon of the test's own."""
    return daemons.start()


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[Any]:
    with daemon.client() as client:
        yield client


class Artifacts:
    """Makes model files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(
        self,
        kind: str,
        config: dict[str, Any] | str | None,
        *arguments: Any,
        file: str = "",
        extra: Any = None,
    ) -> Path:
        # Not at the top: loading torch takes seconds, which a run that needs no model should not pay.
        import modules

        if not file and isinstance(config, dict):
            file = "{name}-{version}.pt".format_map(config)
        return modules.save(self.directory / (file or f"{kind}.pt"), kind, config, *arguments, extra=extra)

    def tagged(self, version: str, tag: float, name: str = "m", **config: Any) -> Path:
        """A model that adds its tag to x."""
        return self.save("tagged", {"name": name, "version": version, **config}, tag)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path)


@pytest.fixture(scope="module")
def shared_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return Artifacts(tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def two_versions(daemon: DaemonProcess, client: Any, artifacts: Artifacts) -> DaemonProcess:
    """A daemon on which 1.0 (adds 10) was live, and 1.1 (adds 11) is."""
    for version, tag in (("1.0", 10.0), ("1.1", 11.0)):
        daemon.move_in(artifacts.tagged(version, tag))
        wait_live(client, "m", version)
    return daemon
