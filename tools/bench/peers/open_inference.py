"""Servers that speak the Open Inference Protocol over gRPC: one tensor in, one out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
import numpy as np

from peers.peer import MODEL, Launch, Peer, Place

sys.path.append(str(Path(__file__).resolve().parents[3] / "proto"))  # where grpc.protos looks, too
messages = grpc.protos("inference/grpc_service.proto")

INFER = "/inference.GRPCInferenceService/ModelInfer"


def request(x: np.ndarray, model: str = MODEL) -> bytes:
    message = messages.ModelInferRequest(model_name=model, raw_input_contents=[x.tobytes()])
    message.inputs.add(name="x", datatype="FP32", shape=x.shape)
    return message.SerializeToString()


def answer(message: bytes) -> np.ndarray:
    response = messages.ModelInferResponse.FromString(message)
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(1, -1)


def peer(name: str, requirements: Sequence[str], launch: Callable[[Place], Launch], note: str) -> Peer:
    return Peer(
        name=name,
        requirements=requirements,
        is_grpc=True,
        path=INFER,
        launch=launch,
        request=request,
        answer=answer,
        note=note,
    )
