"""perf_analyzer over gRPC and HTTP: concurrencies, with the server's statistics beside its own counts.

The program of tritonclient 2.48 runs where glibc is older than 2.38; two of its libraries come from Triton.
"""
# requires: tritonclient==2.48.0
# takes from: nvidia-pytriton==0.7.0

import csv
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

LIBRARIES = {"libb64.so.0d": "libb64-*", "libcudart.so.12": "libcudart-*"}


def linked_libraries(directory):
    found = Path(sysconfig.get_paths()["purelib"]) / "nvidia_pytriton.libs"
    for name, pattern in LIBRARIES.items():
        (library,) = found.glob(pattern)
        (directory / name).symlink_to(library)


def sweep(directory, protocol, address, model, options=()):
    report = directory / "report.csv"
    report.unlink(missing_ok=True)
    command = [
        str(Path(sys.prefix) / "bin" / "perf_analyzer"),
        *("-m", model, "-i", protocol, "-u", address),
        *("--concurrency-range", "1:4:3", "--measurement-interval", "1000", "--stability-percentage", "60"),
        *(
            "--shape",
            "a:4" if "batched" in model else "a:1,4",
            "--shape",
            "b:4" if "batched" in model else "b:1,4",
        ),
        *("-f", str(report), "--verbose-csv", *options),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "LD_LIBRARY_PATH": str(directory)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)}\n{said}"
    with report.open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 2, said
    for row in rows:
        assert float(row["Inferences/Second"]) > 100, row
        # What the server says of itself is part of what the client waits for.
        server = float(row["Server Queue"]) + float(row["Server Compute Infer"])
        client = float(row["Avg latency"]) if "Avg latency" in row else float(row["p99 latency"])
        assert 0 < server <= client, row


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        linked_libraries(directory)
        grpc, http = os.environ["MODELD_GRPC"], os.environ["MODELD_HTTP"]
        sweep(directory, "grpc", grpc, "add")
        sweep(directory, "grpc", grpc, "add", ["--async"])
        sweep(directory, "grpc", grpc, "add", ["--async", "--streaming"])
        sweep(directory, "grpc", grpc, "add-batched", ["-b", "2"])
        if http:
            sweep(directory, "http", http, "add")


main()
