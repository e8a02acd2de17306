"""tritonclient over HTTP: JSON and binary tensors, either way."""
# requires: tritonclient[http]==2.73.0 ml_dtypes==0.5.4
# quick

import os

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

A = np.arange(8, dtype=np.float32).reshape(2, 4) / 7
B = np.ones((2, 4), dtype=np.float32)


def tensor(name, array, binary=True, dtype=None):
    made = triton.InferInput(name, list(array.shape), dtype or np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def ab(binary=True):
    return [tensor("a", A, binary), tensor("b", B, binary)]


def refusal(call):
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("it was not refused")


def check_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("add")
    assert not client.is_model_ready("nothing")
    assert client.get_server_metadata()["name"] == "modeld"
    assert client.get_model_metadata("add")["inputs"][0]["datatype"] == "FP32"
    assert client.get_model_config("add-batched")["max_batch_size"] == 8
    assert client.get_inference_statistics("add")["model_stats"][0]["version"] == "3"
    assert "add" in {entry["name"] for entry in client.get_model_repository_index()}
    assert client.get_system_shared_memory_status() == []
    assert client.get_trace_settings()["trace_level"] == ["OFF"]
    assert client.get_log_settings()["log_error"]


def check_infer(client):
    for binary in (True, False):
        for output_binary in (True, False):
            wanted = [triton.InferRequestedOutput("sum", binary_data=output_binary)]
            result = client.infer("add", ab(binary), outputs=wanted)
            np.testing.assert_array_equal(result.as_numpy("sum"), A + B)
            assert result.as_numpy("difference") is None
    result = client.infer(
        "add",
        ab(),
        model_version="live",
        timeout=1_000_000,
        request_id="7",
        priority=1,
        request_compression_algorithm="gzip",
        response_compression_algorithm="gzip",
    )
    np.testing.assert_array_equal(result.as_numpy("difference"), A - B)
    assert result.get_response()["id"] == "7"


def check_dtypes(client):
    for dtype in (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.float16, np.float64):
        array = np.array([0, 1, 1], dtype=dtype)
        for binary in (True, False):
            if dtype == np.float16 and not binary:
                continue  # the protocol has no JSON for it
            wanted = [triton.InferRequestedOutput("output", binary_data=binary)]
            answer = client.infer("echo", [tensor("x", array, binary)], outputs=wanted).as_numpy("output")
            assert answer.dtype == array.dtype
            np.testing.assert_array_equal(answer, array)
    for binary in (True, False):
        words = np.array(["zw", "", "drei"], dtype=np.object_)
        answer = client.infer("lengths", [tensor("words", words, binary, "BYTES")]).as_numpy("output")
        np.testing.assert_array_equal(answer, [2, 0, 4])


def check_classification(client):
    x = np.array([[0.1, 0.3, 0.2]], dtype=np.float32)
    wanted = [triton.InferRequestedOutput("scores", class_count=2)]
    classes = client.infer("classify", [tensor("x", x)], outputs=wanted).as_numpy("scores")
    assert classes.shape == (1, 2)
    assert [text.decode().split(":")[1] for text in classes[0]] == ["1", "2"]


def check_errors(client):
    wrong = refusal(lambda: client.infer("add", [tensor("a", A.astype(np.int64)), tensor("b", B)]))
    assert wrong.status() == "400", wrong
    assert "INT64" in wrong.message(), wrong
    assert "nothing" in refusal(lambda: client.infer("nothing", ab())).message()
    assert "administrative socket" in refusal(lambda: client.load_model("add")).message()


def check_callbacks(client):
    calls = [client.async_infer("add", ab(), request_id=str(i)) for i in range(20)]
    for i, call in enumerate(calls):
        result = call.get_result()
        assert result.get_response()["id"] == str(i)
        np.testing.assert_array_equal(result.as_numpy("sum"), A + B)


def main():
    with triton.InferenceServerClient(os.environ["MODELD_HTTP"], concurrency=4) as client:
        for check in (
            check_health_and_metadata,
            check_infer,
            check_dtypes,
            check_classification,
            check_errors,
            check_callbacks,
        ):
            check(client)


main()
