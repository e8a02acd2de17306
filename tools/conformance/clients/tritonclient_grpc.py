"""tritonclient over gRPC: synchronous, by callback, streaming; and asyncio."""
# requires: tritonclient[grpc]==2.73.0 ml_dtypes==0.5.4
# quick

import asyncio
import os
import queue

import ml_dtypes
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

A = np.arange(8, dtype=np.float32).reshape(2, 4)
B = np.ones((2, 4), dtype=np.float32)


def tensor(name, array, dtype=None, module=triton):
    made = module.InferInput(name, array.shape, dtype or np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array)
    return made


def ab(names=("a", "b"), module=triton):
    return [tensor(names[0], A, module=module), tensor(names[1], B, module=module)]


def expect_error(call, status, text):
    try:
        call()
        found = "no error"
    except InferenceServerException as error:
        found = f"{error.status()}: {error.message()}"
    assert status in found, found
    assert text in found, found


def check_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("add")
    assert client.is_model_ready("add", "3")
    assert client.is_model_ready("add", "live")
    assert not client.is_model_ready("add", "4")
    assert not client.is_model_ready("nothing")
    server = client.get_server_metadata()
    assert server.name == "modeld"
    assert "classification" in server.extensions
    metadata = client.get_model_metadata("add")
    assert (metadata.name, list(metadata.versions)) == ("add", ["3"])
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [
        ("a", "FP32", [-1, 4]),
        ("b", "FP32", [-1, 4]),
    ]
    assert [t.name for t in metadata.outputs] == ["sum", "difference"]
    config = client.get_model_config("add-batched").config
    assert config.max_batch_size == 8
    assert list(config.input[0].dims) == [4]
    assert client.get_model_config("add").config.max_batch_size == 0
    index = {model.name: model.state for model in client.get_model_repository_index().models}
    assert index["add"] == "READY"
    assert index["lengths"] == "READY"


def check_infer(client):
    result = client.infer("add", ab(), request_id="one", model_version="3")
    np.testing.assert_array_equal(result.as_numpy("sum"), A + B)
    np.testing.assert_array_equal(result.as_numpy("difference"), A - B)
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("one", "add", "3")
    wanted = [triton.InferRequestedOutput("OUTPUT__1")]
    result = client.infer("add", ab(("INPUT__0", "INPUT__1")), outputs=wanted, model_version="live")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT__1"), A - B)
    assert result.as_numpy("sum") is None
    words = np.array([b"one", b"drei", b""], dtype=np.object_)
    result = client.infer("lengths", [tensor("words", words, "BYTES")])
    np.testing.assert_array_equal(result.as_numpy("output"), [3, 4, 0])
    for dtype in (
        np.bool_,
        np.int8,
        np.int16,
        np.int32,
        np.int64,
        np.uint8,
        np.float16,
        np.float32,
        np.float64,
    ):
        array = np.array([[0, 1], [1, 0]], dtype=dtype)
        result = client.infer("echo", [tensor("x", array)])
        assert result.as_numpy("output").dtype == array.dtype
        np.testing.assert_array_equal(result.as_numpy("output"), array)
    halves = np.array([0.5, -2], dtype=ml_dtypes.bfloat16)
    result = client.infer("echo", [tensor("x", halves, "BF16")])
    np.testing.assert_array_equal(result.as_numpy("output").astype(np.float32), [0.5, -2])


def check_classification(client):
    x = np.array([[0.1, 0.3, 0.2]], dtype=np.float32)
    wanted = [triton.InferRequestedOutput("scores", class_count=2)]
    classes = client.infer("classify", [tensor("x", x)], outputs=wanted).as_numpy("scores")
    assert classes.shape == (1, 2)
    assert [text.decode().split(":")[1] for text in classes[0]] == ["1", "2"]


def check_parameters(client):
    result = client.infer("add", ab(), priority=1, timeout=30_000_000, parameters={"anything": "goes"})
    np.testing.assert_array_equal(result.as_numpy("sum"), A + B)
    one = np.ones(1, dtype=np.float32)
    for sequence in (1007, "ann"):
        totals = [
            client.infer(
                "total",
                [tensor("x", one)],
                sequence_id=sequence,
                sequence_start=step == 0,
                sequence_end=step == 2,
            ).as_numpy("output")[0]
            for step in range(3)
        ]
        assert totals == [1, 2, 3], totals


def check_errors(client):
    expect_error(lambda: client.infer("nothing", ab()), "NOT_FOUND", "nothing")
    expect_error(lambda: client.infer("add", ab(), model_version="9"), "NOT_FOUND", "9")
    expect_error(lambda: client.infer("add", ab()[:1]), "INVALID_ARGUMENT", 'missing input "b"')
    expect_error(lambda: client.infer("add", ab(("a", "c"))), "INVALID_ARGUMENT", "unknown input")
    wrong = [tensor("a", A.astype(np.int64)), tensor("b", B)]
    expect_error(lambda: client.infer("add", wrong), "INVALID_ARGUMENT", "INT64")
    three = [tensor("a", A[:, :3].copy()), tensor("b", B)]
    expect_error(lambda: client.infer("add", three), "INVALID_ARGUMENT", "dimension 1 is 3, not 4")
    missing = [triton.InferRequestedOutput("product")]
    expect_error(lambda: client.infer("add", ab(), outputs=missing), "INVALID_ARGUMENT", "product")
    expect_error(
        lambda: client.register_system_shared_memory("region", "/key", 64), "UNIMPLEMENTED", "shared memory"
    )
    expect_error(lambda: client.load_model("add"), "UNIMPLEMENTED", "administrative")
    expect_error(lambda: client.get_model_metadata("nothing"), "NOT_FOUND", "nothing")


def check_differences(client):
    """What docs/triton.md says."""
    words = np.array([[b"one", b"drei"]], dtype=np.object_)
    expect_error(
        lambda: client.infer("lengths", [tensor("words", words, "BYTES")]), "INVALID_ARGUMENT", "BYTES[1,2]"
    )
    metadata = client.get_model_metadata("echo")
    assert (metadata.platform, metadata.inputs[0].datatype) == ("pytorch_libtorch", "")
    assert list(client.get_model_config("add").config.input[0].dims) == [-1, 4]
    many = np.ones((9, 4), dtype=np.float32)  # max_batch_size is 8
    result = client.infer("add-batched", [tensor("a", many), tensor("b", many)])
    np.testing.assert_array_equal(result.as_numpy("sum"), many + many)
    assert not client.get_system_shared_memory_status().regions
    client.unregister_system_shared_memory()
    shared = [triton.InferInput(name, A.shape, "FP32") for name in ("a", "b")]
    for each in shared:
        each.set_shared_memory("region", A.nbytes)
    expect_error(lambda: client.infer("add", shared), "UNIMPLEMENTED", "shared memory")
    results = queue.Queue()
    client.start_stream(lambda result, error: results.put((result, error)))
    client.async_stream_infer("add", ab(), enable_empty_final_response=True)
    result, error = results.get(timeout=30)
    client.stop_stream()
    assert error is None
    assert result.get_response().parameters["triton_final_response"].bool_param
    assert results.empty()


def check_settings(client):
    assert client.get_trace_settings().settings["trace_level"].value == ["OFF"]
    assert client.get_log_settings().settings["log_error"].bool_param
    assert not client.get_system_shared_memory_status().regions
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()


def check_statistics(client):
    def count():
        (stats,) = client.get_inference_statistics("add", "3").model_stats
        return stats.inference_stats.success.count

    before = count()
    for _ in range(5):
        client.infer("add", ab())
    assert count() == before + 5
    names = {stats.name for stats in client.get_inference_statistics().model_stats}
    assert {"add", "echo"} <= names


def check_callbacks(client):
    answers = queue.Queue()
    for i in range(20):
        client.async_infer(
            "add", ab(), request_id=str(i), callback=lambda result, error: answers.put((result, error))
        )
    ids = set()
    for _ in range(20):
        result, error = answers.get(timeout=20)
        assert error is None, error
        ids.add(result.get_response().id)
    assert len(ids) == 20


def check_stream(client):
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for i in range(50):
        client.async_stream_infer("add" if i != 7 else "nothing", ab(), request_id=str(i))
    for i in range(50):
        result, error = answers.get(timeout=20)
        if i == 7:
            assert "nothing" in str(error), error
            continue
        assert error is None, error
        assert result.get_response().id == str(i)
        np.testing.assert_array_equal(result.as_numpy("sum"), A + B)
    client.stop_stream()


async def check_aio(address):
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        results = await asyncio.gather(
            *(client.infer("add-batched", ab(module=triton_aio)) for _ in range(30))
        )
        for result in results:
            np.testing.assert_array_equal(result.as_numpy("sum"), A + B)

        async def requests():
            for i in range(10):
                yield {"model_name": "add", "inputs": ab(module=triton_aio), "request_id": str(i)}

        seen = 0
        async for result, error in client.stream_infer(requests()):
            assert error is None, error
            assert result.get_response().id == str(seen)
            seen += 1
        assert seen == 10


def main():
    address = os.environ["MODELD_GRPC"]
    with triton.InferenceServerClient(address) as client:
        for check in (
            check_health_and_metadata,
            check_infer,
            check_classification,
            check_parameters,
            check_errors,
            check_differences,
            check_settings,
            check_statistics,
            check_callbacks,
            check_stream,
        ):
            check(client)
    asyncio.run(check_aio(address))


main()
