"""The same model by the protocols that the daemon speaks."""

from __future__ import annotations

from collections.abc import Iterator

import models
import numpy as np
from h2load import grpc_body, grpc_rate
from peers import open_inference
from rates import PREDICT, deploy, expect_no_errors, predict_body, rate_row, take_turns
from report import Row
from setting import Setting


def protocols(setting: Setting) -> Iterator[Row]:
    """The MLP by the Open Inference Protocol, against modeld.v1's Predict."""
    mlp = models.Versions(models.Mlp(), "mlp", setting.work / "protocols")
    with (
        setting.daemon("protocols", options=["--log-level=warning"]) as daemon,
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
        expect_no_errors(client, "mlp")
    yield rate_row(
        "Open Inference Protocol, calls/s",
        "MLP over gRPC, 64 in flight (reference: modeld.v1)",
        measured,
        0.95,
    )
