"""PyTriton's clients: synchronous over both protocols, futures, asyncio."""
# requires: nvidia-pytriton==0.7.0

import asyncio
import os

import numpy as np
from pytriton.client import AsyncioModelClient, FuturesModelClient, ModelClient
from pytriton.client.exceptions import PyTritonClientError

A = np.arange(8, dtype=np.float32).reshape(2, 4)
B = np.ones_like(A)


def check(result):
    np.testing.assert_array_equal(result["sum"], A + B)
    np.testing.assert_array_equal(result["difference"], A - B)


async def check_asyncio(url):
    async with AsyncioModelClient(url, "add-batched") as client:
        check(await client.infer_batch(A, B))


def check_protocol(url):
    with ModelClient(url, "add-batched") as client:
        assert client.model_config.max_batch_size == 8
        check(client.infer_batch(a=A, b=B))
        one = client.infer_sample(A[0], B[0])
        np.testing.assert_array_equal(one["sum"], A[0] + B[0])
    # Not of a model that batches: then there is no sample, and the whole is sent.
    with ModelClient(url, "add", "3") as client:
        check(client.infer_sample(A, B))
    # Its threads share what they make of the URL: of several, one may speak HTTP to the port of gRPC.
    with FuturesModelClient(url, "add-batched", max_workers=4 if url.startswith("http") else 1) as client:
        for future in [client.infer_batch(A, B) for _ in range(20)]:
            check(future.result())
    asyncio.run(check_asyncio(url))
    try:
        with ModelClient(url, "nothing", init_timeout_s=2) as client:
            client.infer_sample(A, B)
        raise AssertionError("there is no such model")
    except PyTritonClientError:
        pass


for scheme in ("grpc", "http"):
    check_protocol(f"{scheme}://{os.environ[f'MODELD_{scheme.upper()}']}")
