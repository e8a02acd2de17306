"""The same model by the protocols that the daemon speaks."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

import models
import numpy as np
from h2load import grpc_body, grpc_rate, http_rate
from peers import open_inference
from rates import PREDICT, REPETITIONS, deploy, expect_no_errors, predict_body, rate_row, take_turns
from report import Row, row
from setting import Setting

HTTP_CONNECTIONS = 16
HTTP_GOAL = 10_000


def protocols(setting: Setting) -> Iterator[Row]:
    """The MLP by the Open Inference Protocol, over gRPC against modeld.v1's Predict, and as JSON."""
    mlp = models.Versions(models.Mlp(), "mlp", setting.work / "protocols")
    with (
        setting.daemon("protocols") as daemon,
        daemon.client() as client,
    ):
        deploy(daemon, client, mlp.save("1.0", 0.0), "mlp")
        own = predict_body(setting, "mlp", models.Mlp.INPUT)
        x = np.random.default_rng(7).random((1, *models.Mlp.INPUT), dtype=np.float32)
        oip = grpc_body(setting.work / "mlp-oip.body", open_inference.request(x, "mlp"))
        measured = take_turns(
            lambda: grpc_rate(daemon.address, open_inference.INFER, oip, 64),
            lambda: grpc_rate(daemon.address, PREDICT, own, 64),
        )
        as_json = setting.work / "mlp.json"
        tensor = {"name": "x", "datatype": "FP32", "shape": x.shape, "data": x.ravel().tolist()}
        as_json.write_text(json.dumps({"inputs": [tensor]}))
        rates = [
            http_rate(daemon.http_address, "/v2/models/mlp/infer", as_json, HTTP_CONNECTIONS)
            for _ in range(REPETITIONS)
        ]
        expect_no_errors(client, "mlp")
    case = "Open Inference Protocol, calls/s"
    yield rate_row(case, "MLP over gRPC, 64 in flight (reference: modeld.v1)", measured, 0.95)
    rate = statistics.median(rates)
    metric = f"MLP over HTTP with JSON, {HTTP_CONNECTIONS} connections, median of {REPETITIONS}"
    yield row(case, metric, rate, f"≥ {HTTP_GOAL}", rate >= HTTP_GOAL)
