"""The asyncio client against the real daemon."""

import asyncio
import contextlib

import numpy as np
import pytest

from modeld_client import AsyncClient, InvalidArgumentError, NotFoundError


def test_many_calls_at_once(two_versions):
    async def run():
        async with AsyncClient(two_versions.address) as client:
            answers = await asyncio.gather(
                *(client.predict("m", {"x": np.full(3, i, np.float32)}) for i in range(100))
            )
            assert [answer.output[0] for answer in answers] == [i + 11 for i in range(100)]
            assert [model.name for model in await client.list_models()] == ["m"]
            assert await client.is_serving("m")
            with pytest.raises(NotFoundError):
                await client.predict("unknown", {})

    asyncio.run(run())


def test_a_stream_is_answered_in_order_and_may_be_left(two_versions):
    async def run():
        async def inputs():
            for number in range(500):
                yield {"y" if number == 250 else "x": np.float32([number])}
                if number % 100 == 0:
                    await asyncio.sleep(0)

        async with AsyncClient(two_versions.address) as client:
            answers = [answer async for answer in client.predict_stream("m", inputs(), request_timeout=10)]
            assert isinstance(answers[250], InvalidArgumentError)
            assert 'unknown input "y"' in str(answers[250])
            del answers[250]
            numbers = [number for number in range(500) if number != 250]
            assert [float(answer.output[0]) for answer in answers] == [number + 11 for number in numbers]

            async with contextlib.aclosing(client.predict_stream("m", inputs())) as left_early:
                async for answer in left_early:
                    assert answer.version == "1.1"
                    break
            assert (await client.predict("m", {"x": np.float32([1])})).output[0] == 12

    asyncio.run(run())
