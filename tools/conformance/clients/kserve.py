"""KServe's own Python clients, over gRPC and REST."""
# requires: kserve==0.21.0

import asyncio
import os
import sys

sys.path.pop(0)  # this directory, where a script is called like the package

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

A = np.arange(8, dtype=np.float32).reshape(2, 4)
B = np.ones((2, 4), dtype=np.float32)


def request(binary):
    inputs = []
    for name, array in (("a", A), ("b", B)):
        made = InferInput(name=name, shape=list(array.shape), datatype="FP32")
        made.set_data_from_numpy(array, binary_data=binary)
        inputs.append(made)
    return InferRequest(model_name="add", infer_inputs=inputs, request_id="one")


def check(response):
    assert (response.id, response.model_name) == ("one", "add")
    outputs = {output.name: output.as_numpy() for output in response.outputs}
    np.testing.assert_array_equal(outputs["sum"].reshape(2, 4), A + B)
    np.testing.assert_array_equal(outputs["difference"].reshape(2, 4), A - B)


async def check_grpc(address):
    client = InferenceGRPCClient(url=address)
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("add")
    for binary in (True, False):
        check(await client.infer(request(binary)))
    wrong = request(True)
    wrong.model_name = "nothing"
    try:
        await client.infer(wrong)
        code = grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        code = error.code()
    assert code == grpc.StatusCode.NOT_FOUND, code


async def check_rest(address):
    base = f"http://{address}"
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    assert await client.is_server_live(base)
    assert await client.is_server_ready(base)
    assert await client.is_model_ready(base, "add")
    for binary in (False, True):
        check(await client.infer(base, request(binary), model_name="add"))


async def main():
    await check_grpc(os.environ["MODELD_GRPC"])
    if os.environ["MODELD_HTTP"]:
        await check_rest(os.environ["MODELD_HTTP"])


asyncio.run(main())
