"""What it costs to be watched by Prometheus."""

from __future__ import annotations

import statistics
import time
import urllib.request
from collections.abc import Iterator

import artifacts
import models
from daemon_process import DaemonProcess, wait_for
from load import Load, window
from rates import REPETITIONS, deploy, expect_no_errors
from report import Row, row
from setting import Setting

MODELS = 1000
SCRAPES = 21
SCRAPE_AT_S = 0.2  # of every second second; Prometheus' own default is one a minute
RATE = 1000
SECONDS = 42


def scrape_ms(daemon: DaemonProcess) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://{daemon.http_address}/metrics", timeout=30) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1000


def p99s_ms(setting: Setting, daemon: DaemonProcess) -> tuple[float, float]:
    """Of the calls in the seconds in which there was a scrape, and of those in the seconds between them."""
    load = Load(setting.load, daemon.address, "mlp", (1, *models.Mlp.INPUT), SECONDS, rate=RATE)
    for second in range(1, SECONDS, 2):
        time.sleep(max(load.started + second + SCRAPE_AT_S - time.monotonic(), 0))
        scrape_ms(daemon)
        assert time.monotonic() < load.started + second + 1, "a scrape took longer than its second"
    seconds = load.seconds()
    scraped, alone = window(seconds[3::2]), window(seconds[2::2])  # without the first, which warm it up
    errors = scraped.errors + alone.errors
    assert not errors, errors
    return scraped.quantile_ms(0.99), alone.quantile_ms(0.99)


def watched(setting: Setting) -> Iterator[Row]:
    """/metrics of a daemon with 1,000 models, and whether requests wait for it."""
    case = f"/metrics with {MODELS} models"
    mlp = models.Versions(models.Mlp(), "mlp", setting.work / "watched")
    with (
        setting.daemon("watched", settle_ms=0, options=["--probe=false"]) as daemon,
        daemon.client() as client,
    ):
        path = setting.work / "many.pt"
        for number in range(MODELS - 1):
            artifacts.save(artifacts.Classifier(number), path, f"model-{number}", "1.0")
            daemon.move_in(path, f"model-{number}.pt")
        wait_for("all models to be registered", lambda: daemon.status().versions >= MODELS - 1, 600)
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")
        time.sleep(2)  # the last of them are loaded
        took = statistics.median(scrape_ms(daemon) for _ in range(SCRAPES))
        pairs = [p99s_ms(setting, daemon) for _ in range(REPETITIONS)]
        expect_no_errors(client, "mlp")
    yield row(case, f"ms, median of {SCRAPES}", took, "≤ 50", took <= 50)
    ratio = statistics.median(scraped / alone for scraped, alone in pairs)
    alone = statistics.median(alone for _, alone in pairs)
    yield row(
        case,
        f"MLP, {RATE} calls/s, p99 in ms of seconds with a scrape (reference: of the seconds between them)",
        ratio * alone,
        "≤ 1.1 × reference",
        ratio <= 1.1,
        alone,
        detail={"ratios": [round(scraped / alone, 3) for scraped, alone in pairs]},
    )
