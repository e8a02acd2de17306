"""The real Prometheus (Debian's package `prometheus`) scrapes the real daemon."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from daemon_process import wait_live

from modeld_client import golden_sample

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
PATIENCE_S = 60
X = np.ones(2, np.float32)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


class Prometheus:
    """Prometheus as docs/ configures it, which scrapes one address, and that every second."""

    def __init__(self, binary: str, directory: Path, target: str) -> None:
        self.url = f"http://127.0.0.1:{_free_port()}"
        shutil.copy(OPERATIONS / "alerts.yml", directory)
        text = (OPERATIONS / "prometheus.yml").read_text()
        for documented, here in (("127.0.0.1:8501", target), ("15s", "1s")):
            assert documented in text
            text = text.replace(documented, here)
        config = directory / "prometheus.yml"
        config.write_text(text)
        self._log = (directory / "prometheus.log").open("w+")
        self._process = subprocess.Popen(
            [
                binary,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def ask(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The series that an expression comes to, by their labels without job and instance."""
        query = urllib.parse.urlencode({"query": expression})
        answer = json.loads(_get(f"{self.url}/api/v1/query?{query}"))
        series = {}
        for result in answer["data"]["result"]:
            labels = {k: v for k, v in result["metric"].items() if k not in ("job", "instance", "__name__")}
            series[tuple(sorted(labels.items()))] = float(result["value"][1])
        return series

    def wait_for(self, expression: str, expected: dict[tuple[tuple[str, str], ...], float]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        seen: Any = None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._log.seek(0)
                pytest.fail(f"prometheus ended: {self._log.read()[-2000:]}")
            try:
                seen = self.ask(expression)
            except (urllib.error.URLError, ConnectionError) as error:
                seen = error
            if seen == expected:
                return
            time.sleep(0.2)
        pytest.fail(f"{expression} is {seen}, not {expected}")


@pytest.fixture
def scraped(daemons: Any, tmp_path: Path) -> Iterator[tuple[Any, Prometheus]]:
    """A daemon, and the Prometheus that scrapes it."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    binary = shutil.which("prometheus", path=path)
    if binary is None:
        pytest.skip("no prometheus beside Python: run tools/setup/setup.sh")
    address = f"127.0.0.1:{_free_port()}"
    daemon = daemons.start(f"--http-listen={address}")
    prometheus = Prometheus(binary, tmp_path, address)
    yield daemon, prometheus
    prometheus.end()


def _labels(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def test_prometheus_sees_what_the_daemon_does(scraped: tuple[Any, Prometheus], artifacts: Any) -> None:
    daemon, prometheus = scraped
    prometheus.wait_for('up{job="modeld"}', {(): 1})
    prometheus.wait_for("modeld_ready", {(): 1})

    with daemon.client() as client:
        daemon.move_in(artifacts.tagged("1.0", 1.0))
        wait_live(client, "m", "1.0")
        for _ in range(5):
            client.predict("m", {"x": X})
    prometheus.wait_for(
        'modeld_requests_total{code="OK"}',
        {_labels(model="m", version="1.0", code="OK"): 5},
    )
    prometheus.wait_for("modeld_request_seconds_count", {_labels(model="m", version="1.0"): 5})
    prometheus.wait_for("modeld_version_live", {_labels(model="m", version="1.0"): 1})
    prometheus.wait_for("modeld_swaps_total", {(): 1})

    # Two versions stay in memory: the series of the third last go with it.
    with daemon.client() as client:
        for version in ("1.1", "1.2"):
            daemon.move_in(artifacts.tagged(version, 1.0))
            wait_live(client, "m", version)
    prometheus.wait_for(
        "modeld_queue_depth",
        {_labels(model="m", version="1.1"): 0, _labels(model="m", version="1.2"): 0},
    )
    prometheus.wait_for("modeld_drain_seconds_count", {(): 1})


def test_an_alert_comes_where_a_version_is_quarantined(
    scraped: tuple[Any, Prometheus], artifacts: Any
) -> None:
    daemon, prometheus = scraped
    prometheus.wait_for("modeld_quarantines_total", {(): 0})
    wrong = golden_sample({"x": X}, {"output": X})  # it adds 1
    daemon.move_in(
        artifacts.save("tagged", {"name": "m", "version": "1.0"}, 1.0, extra={"golden/0": wrong}),
    )
    alert = _labels(alertname="ModeldVersionQuarantined", alertstate="firing", severity="warning")
    prometheus.wait_for('ALERTS{alertname="ModeldVersionQuarantined"}', {alert: 1})
