"""h2load (nghttp2) as the client that costs least: it sends the same bytes again and again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

SECONDS = 4
WARM_SECONDS = 1
CONNECTIONS = 8  # at most; the rest of what is under way shares them
GRPC_HEADERS = ["content-type: application/grpc", "te: trailers"]
JSON_HEADERS = ["content-type: application/json"]


def grpc_body(path: Path, message: bytes) -> Path:
    """A gRPC message as h2load sends it: not compressed, its length, its bytes."""
    path.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return path


def grpc_rate(target: str, method: str, body: Path, in_flight: int, seconds: int = SECONDS) -> float:
    """Calls a second with so many under way. What gRPC's status says is not seen."""
    connections = min(in_flight, CONNECTIONS)
    options = [f"--clients={connections}", f"--max-concurrent-streams={in_flight // connections}"]
    return run(options, GRPC_HEADERS, f"http://{target}{method}", body, seconds)


def http_rate(target: str, path: str, body: Path, in_flight: int, seconds: int = SECONDS) -> float:
    """As grpc_rate, over HTTP/1.1, on a connection for each."""
    return run(["--h1", f"--clients={in_flight}"], JSON_HEADERS, f"http://{target}{path}", body, seconds)


def run(options: list[str], headers: list[str], url: str, body: Path, seconds: int) -> float:
    done = subprocess.run(
        [
            "h2load",
            *options,
            "--threads=1",
            f"--duration={seconds}",
            f"--warm-up-time={WARM_SECONDS}",
            f"--data={body}",
            *(f"--header={header}" for header in headers),
            url,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"finished in [^,]+, ([0-9.]+) req/s", done.stdout)
    failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    if found is None or failed is None or any(int(count) > 0 for count in failed.groups()):
        raise RuntimeError(f"h2load {url}: {done.stdout}{done.stderr}")
    return float(found[1])
