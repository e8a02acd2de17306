"""Triton with its Python backend: the server binary that the package nvidia-pytriton holds."""

from __future__ import annotations

import shutil
import sys
import sysconfig

from peers import open_inference
from peers.peer import MODEL, SERVING, Launch, Place


def launch(place: Place) -> Launch:
    server = place.packages / "pytriton" / "tritonserver"
    repository = place.work / "models"
    model = repository / MODEL
    (model / "1").mkdir(parents=True)
    shutil.copy(SERVING / "triton_model.py", model / "1" / "model.py")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = "triton_python_backend_stub"
    stub_path = server / "backends" / "python" / stub
    shutil.copy(server / "python_backend_stubs" / python / stub, stub_path)
    stub_path.chmod(0o755)
    (model / "config.pbtxt").write_text(
        f'name: "{MODEL}"\nbackend: "python"\n'
        'input [{ name: "x" data_type: TYPE_FP32 dims: [ -1, 16 ] }]\n'
        'output [{ name: "y" data_type: TYPE_FP32 dims: [ -1, 4 ] }]\n'
        "instance_group [{ count: 2 kind: KIND_CPU }]\n"
    )
    grpc, http, metrics = place.ports[:3]
    return Launch(
        [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={server / 'backends'}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={grpc}",
            f"--http-port={http}",
            f"--metrics-port={metrics}",
        ],
        {
            "LD_LIBRARY_PATH": f"{sysconfig.get_config_var('LIBDIR')}:{server / 'external_libs'}",
            "PYTHONPATH": f"{place.packages}:{SERVING}",
        },
    )


PEER = open_inference.peer(
    "Triton 2.51 of nvidia-pytriton 0.7.0",
    ["nvidia-pytriton==0.7.0"],
    launch,
    "Python backend, 2 instances",
)
