"""What Triton's own Python client gets over HTTP. Run by the interpreter that has it.

Takes HOST:PORT of a daemon that serves `m`, which adds 1 to x, and `echo` and `say`, which give x back.
"""

import sys
from collections.abc import Callable

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1], concurrency=4)


def tensor(array: np.ndarray, datatype: str, binary: bool) -> http.InferInput:
    made = http.InferInput("x", list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def infer(
    array: np.ndarray,
    datatype: str = "FP32",
    binary: bool = True,
    model: str = "m",
    output_binary: bool = True,
    **options: object,
) -> np.ndarray:
    outputs = [http.InferRequestedOutput("output", binary_data=output_binary)]
    answer = client.infer(model, [tensor(array, datatype, binary)], outputs=outputs, **options)
    return answer.as_numpy("output")


assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready("m")
assert not client.is_model_ready("n")
assert client.get_server_metadata()["name"] == "modeld"
assert client.get_model_metadata("m")["inputs"][0]["datatype"] == "FP32"
assert client.get_model_config("m")["max_batch_size"] == 0
assert client.get_inference_statistics("m")["model_stats"][0]["version"] == "1.0"
assert "m" in {entry["name"] for entry in client.get_model_repository_index()}
assert client.get_system_shared_memory_status() == []

x = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
for binary in (True, False):
    for output_binary in (True, False):
        np.testing.assert_array_equal(infer(x, binary=binary, output_binary=output_binary), x + 1)
np.testing.assert_array_equal(
    infer(x, model_version="live", timeout=1_000_000, request_id="7", priority=1), x + 1
)

for name, datatype in (
    ("bool", "BOOL"),
    ("int8", "INT8"),
    ("int16", "INT16"),
    ("int32", "INT32"),
    ("int64", "INT64"),
    ("uint8", "UINT8"),
    ("float16", "FP16"),
    ("float64", "FP64"),
):
    array = np.array([0, 1, 1], dtype=name)
    np.testing.assert_array_equal(infer(array, datatype, model="echo"), array)
    if datatype != "FP16":
        np.testing.assert_array_equal(infer(array, datatype, False, "echo", False), array)

# The highest two of each row.
classes = client.infer(
    "m", [tensor(x, "FP32", True)], outputs=[http.InferRequestedOutput("output", class_count=2)]
).as_numpy("output")
assert classes.shape == (2, 2)
assert classes[0, 0].split(b":")[1] == b"2"

# A tensor of one string for an argument that is one.
text = client.infer("say", [tensor(np.array([b"a\xc3\xa9"], dtype=object), "BYTES", True)]).as_numpy("output")
assert text[0] == "aé".encode(), text
text = client.infer("say", [tensor(np.array(["aé"], dtype=object), "BYTES", False)]).as_numpy("output")
assert text[0] in ("aé", "aé".encode()), text


def refusal(call: Callable[[], object]) -> InferenceServerException:
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("it was not refused")


wrong_dtype = refusal(lambda: infer(np.zeros(3, dtype=np.int64), "INT64"))
assert "expected FP32" in str(wrong_dtype)
assert wrong_dtype.status() == "400"
assert "rank is 3" in str(refusal(lambda: infer(np.zeros((1, 1, 1), dtype=np.float32))))
assert "administrative socket" in str(refusal(lambda: client.load_model("m")))
print("ok")
