"""The asyncio client against the real daemon."""

import asyncio

import numpy as np
import pytest

from modeld_client import AsyncClient, NotFoundError


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
