"""Where an exported file may run, and how it is run there. Each takes a file and a tensor, and gives a
tensor."""

from __future__ import annotations

import http.server
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch
from daemon_process import DaemonProcess

from modeld_export import onnx_model, package, push, torchscript

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WEB_TIMEOUT_S = 120
# What the tests install beside Python: tools/setup/setup.sh.
WEB_RUNTIME = Path(sys.executable).parents[1] / "web" / "node_modules" / "onnxruntime-web" / "dist"


def pytorch(path: Path, x: torch.Tensor) -> torch.Tensor:
    module = package.load(path) if path.suffix == ".pt2" else torchscript.load(path)
    with torch.no_grad():
        result: torch.Tensor = module(x)
    return result


def onnxruntime(path: Path, x: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = onnx_model.load(path)(x)
    return result


def openvino(path: Path, x: torch.Tensor) -> torch.Tensor:
    import openvino as ov

    compiled = ov.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return torch.from_numpy(compiled(x.numpy())[0].copy())


class LibtorchProgram:
    """The C++ example, built once."""

    def __init__(self, directory: Path) -> None:
        torch_prefix = Path(torch.__file__).parent
        configure = [
            "cmake",
            "-S",
            str(ROOT / "tools/export/examples/cpp"),
            "-B",
            str(directory),
            "-G",
            "Ninja",
        ]
        run([*configure, f"-DCMAKE_PREFIX_PATH={torch_prefix}", "-DCMAKE_BUILD_TYPE=Release"])
        run(["cmake", "--build", str(directory)])
        self._program = directory / "run_torchscript"

    def __call__(self, path: Path, x: torch.Tensor) -> torch.Tensor:
        elements = " ".join(f"{element:.9g}" for element in x.flatten().tolist())
        shape = ",".join(str(size) for size in x.shape)
        done = run([str(self._program), str(path), shape], elements)
        return torch.tensor([float(line) for line in done.split()]).reshape(x.shape[0], -1)


def run(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


class Daemon:
    def __init__(self, process: DaemonProcess) -> None:
        self._process = process

    def __call__(self, path: Path, x: torch.Tensor) -> torch.Tensor:
        # Each format is a model of its own: the same version with other bytes would be a conflict.
        name = path.name.split("-")[0]
        push(path, self._process.drop, name=name, version="1.0", address=self._process.address)
        with self._process.client() as client:
            return torch.from_numpy(client.predict(name, {"x": x.numpy()}).outputs["logits"].copy())


def browser() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def onnxruntime_web(path: Path, x: torch.Tensor) -> torch.Tensor:
    """In headless Chromium, by WebAssembly."""
    answers: queue.Queue[dict[str, Any]] = queue.Queue()
    files = {
        "/": (HERE / "web" / "page.html", "text/html"),
        "/model.onnx": (path, "application/octet-stream"),
    }
    for each in WEB_RUNTIME.glob("ort*wasm*"):
        kind = "application/wasm" if each.suffix == ".wasm" else "text/javascript"
        files[f"/{each.name}"] = (each, kind)
    given = json.dumps({"data": x.flatten().tolist(), "shape": list(x.shape)}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path_, kind = files.get(self.path, (None, "application/json"))
            body = path_.read_bytes() if path_ is not None else given if self.path == "/input.json" else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is said of each request."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = browser()
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # it refuses to be root otherwise
        process = subprocess.Popen(
            [program, *options, f"http://127.0.0.1:{server.server_address[1]}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            answer = answers.get(timeout=WEB_TIMEOUT_S)
        finally:
            process.terminate()
            process.wait()
            server.shutdown()
    assert "error" not in answer, answer["error"]
    return torch.tensor(answer["elements"]).reshape(x.shape[0], -1)
