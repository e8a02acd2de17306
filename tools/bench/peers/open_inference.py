"""A call of the Open Inference Protocol over gRPC, with one tensor in and one out
(https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.proto)."""

from __future__ import annotations

import numpy as np
from wire import field, fields, varint

from peers.peer import MODEL

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def request(x: np.ndarray) -> bytes:
    shape = b"".join(varint(size) for size in x.shape)
    tensor = field(1, b"x") + field(2, b"FP32") + field(3, shape)
    return field(1, MODEL.encode()) + field(5, tensor) + field(7, x.tobytes())


def answer(message: bytes) -> np.ndarray:
    return np.frombuffer(fields(message)[6][0], np.float32).reshape(1, -1)
