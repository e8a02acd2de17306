"""tritony, which reads a model's metadata and config, and sends batches by several tasks."""
# requires: tritony==0.0.23 tritonclient[all]==2.73.0

import os

import numpy as np
from tritony import InferenceClient

ROWS = np.arange(40, dtype=np.float32).reshape(10, 4)
ONES = np.ones_like(ROWS)

for protocol, address in (("grpc", os.environ["MODELD_GRPC"]), ("http", os.environ["MODELD_HTTP"])):
    # Ten rows where the model takes eight at a time: the client cuts them.
    client = InferenceClient.create_with("add-batched", address, input_dims=1, protocol=protocol)
    total, difference = client({"a": ROWS, "b": ONES})
    np.testing.assert_array_equal(np.asarray(total), ROWS + ONES)
    np.testing.assert_array_equal(np.asarray(difference), ROWS - ONES)
