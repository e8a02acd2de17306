"""TorchServe: a Java front, with Python workers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import grpc
import numpy as np

from peers.peer import MODEL, SERVING, Launch, Peer, Place

messages = grpc.protos("peers/torchserve.proto")

BATCH = 32
BATCH_DELAY_MS = 1


def launch(place: Place, batch: int = 1) -> Launch:
    store = place.work / "store"
    store.mkdir()
    subprocess.run(
        [
            place.program("torch-model-archiver"),
            f"--model-name={MODEL}",
            "--version=1.0",
            f"--serialized-file={place.artifact}",
            f"--handler={SERVING / 'torchserve_handler.py'}",
            f"--export-path={store}",
        ],
        check=True,
        capture_output=True,
    )
    call, grpc_management, http, management, metrics, _ = place.ports
    config = place.work / "config.properties"
    version = {
        "defaultVersion": True,
        "marName": f"{MODEL}.mar",
        "minWorkers": 2,
        "maxWorkers": 2,
        "batchSize": batch,
        "maxBatchDelay": BATCH_DELAY_MS,
        "responseTimeout": 60,
    }
    models = json.dumps({MODEL: {"1.0": version}})
    config.write_text(
        f"inference_address=http://127.0.0.1:{http}\n"
        f"management_address=http://127.0.0.1:{management}\n"
        f"metrics_address=http://127.0.0.1:{metrics}\n"
        f"grpc_inference_port={call}\n"
        f"grpc_management_port={grpc_management}\n"
        f"model_store={store}\n"
        f"load_models={MODEL}.mar\n"
        f"models={models}\n"
    )
    return Launch(
        [
            place.program("torchserve"),
            "--start",
            "--foreground",
            "--disable-token-auth",
            f"--model-store={store}",
            f"--ts-config={config}",
        ],
        {"TMPDIR": str(place.work)},  # where it notes that it runs, and it runs once
    )


def request(x: np.ndarray) -> bytes:
    return messages.PredictionsRequest(model_name=MODEL, input={"x": x.tobytes()}).SerializeToString()


def answer(message: bytes) -> np.ndarray:
    response = messages.PredictionResponse.FromString(message)
    return np.frombuffer(response.prediction, np.float32).reshape(1, -1)


PLAIN = Peer(
    name="TorchServe 0.12.0",
    requirements=[
        "torchserve==0.12.0",
        "torch-model-archiver==0.12.0",
        "numpy==2.4.6",
        "setuptools==80.9.0",
        "pyyaml==6.0.2",
    ],
    is_grpc=True,
    path="/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions",
    launch=launch,
    request=request,
    answer=answer,
    note="2 workers",
)
BATCHING = replace(
    PLAIN, launch=lambda place: launch(place, BATCH), note=f"2 workers, batches of up to {BATCH}"
)
