"""`predict_stream` of both clients against a fake daemon; what is asyncio's alone at the end."""

import asyncio
import contextlib
import itertools
import threading

import grpc
import numpy as np
import pytest

import modeld_client
from modeld_client import AsyncClient, Priority, ResourceExhaustedError, _rpc
from modeld_client._proto import model_service_pb2 as pb


def numbered(count: int) -> list[dict]:
    return [{"x": number} for number in range(count)]


def test_answers_come_in_the_order_of_the_requests(client):
    answers = list(client.predict_stream("m", numbered(500)))
    assert [answer.output for answer in answers] == list(range(500))
    assert {(answer.model, answer.version) for answer in answers} == {("m", "live")}


def test_no_requests_no_answers(client):
    assert list(client.predict_stream("m", [])) == []


def test_a_request_that_fails_yields_its_error_and_the_stream_goes_on(client):
    first, failed, third = client.predict_stream("m", [{"x": 1}, {}, {"x": 3}])
    assert (first.output, third.output) == (1, 3)
    assert isinstance(failed, ResourceExhaustedError)
    assert (failed.message, failed.retry_after_s) == ("full", 0.25)


def test_every_request_carries_the_arguments(client, daemon):
    arguments = {"version": "1.0", "method": "embed", "sticky_key": "user-7", "priority": Priority.LOW}
    list(client.predict_stream("m", numbered(2), **arguments, request_timeout=1.5))
    list(client.predict_stream("m", numbered(1), label="previous"))
    first, second, third = daemon.requests
    for streamed in (first, second):
        request = streamed.request
        assert (request.version, request.method, request.sticky_key) == ("1.0", "embed", "user-7")
        assert request.priority == pb.PRIORITY_LOW
        assert streamed.timeout_ms == 1500
    assert (third.request.label, third.timeout_ms) == ("previous", 0)


def test_an_error_of_the_stream_is_raised_after_the_answers_before_it(client, daemon):
    def stopping(requests, context):
        yield pb.PredictStreamResponse(response=daemon.echo(next(requests).request))
        context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")

    daemon.on_stream = stopping
    answers = client.predict_stream("m", numbered(10))
    assert next(answers).output == 0
    with pytest.raises(modeld_client.UnavailableError, match="shutting down"):
        next(answers)


def test_the_status_of_a_stream_that_ends_while_requests_are_written_is_not_lost(client, daemon):
    """https://github.com/grpc/grpc/issues/36066: a write that fails hid the status that had come."""

    def refusing(requests, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")

    daemon.on_stream = refusing
    for _ in range(200):
        with pytest.raises(modeld_client.UnavailableError, match="shutting down"):
            list(client.predict_stream("m", [{"x": np.zeros(10000)}] * 10))


def test_an_answer_is_not_lost_where_the_stream_ends_while_requests_are_written(client, daemon):
    def stopping(requests, context):
        yield pb.PredictStreamResponse(response=daemon.echo(next(requests).request))
        context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")

    daemon.on_stream = stopping
    for number in range(200):
        answers = client.predict_stream("m", [{"x": number}] + [{"x": np.zeros(10000)}] * 10)
        assert next(answers).output == number
        with pytest.raises(modeld_client.UnavailableError, match="shutting down"):
            next(answers)


def test_the_timeout_is_the_whole_streams(client, daemon):
    release = threading.Event()

    def hanging(requests, context):
        yield pb.PredictStreamResponse(response=daemon.echo(next(requests).request))
        release.wait(30)

    daemon.on_stream = hanging
    answers = client.predict_stream("m", numbered(2), timeout=1)
    try:
        assert next(answers).output == 0
        with pytest.raises(modeld_client.DeadlineExceededError):
            next(answers)
    finally:
        release.set()


def test_an_exception_of_the_inputs_is_raised(client):
    def inputs():
        yield {"x": 0}
        raise KeyError("no such picture")

    with pytest.raises(KeyError, match="no such picture"):
        list(client.predict_stream("m", inputs()))


def test_an_input_that_cannot_be_sent_is_raised(client):
    with pytest.raises(TypeError, match='input "x": a object cannot be sent'):
        list(client.predict_stream("m", [{"x": object()}]))
    with pytest.raises(ValueError, match="both version"):
        list(client.predict_stream("m", numbered(1), version="1", label="live"))


def test_a_message_over_the_limit_is_resource_exhausted(connect, daemon):
    client = connect(daemon.address, max_message_bytes=1000)
    with pytest.raises(ResourceExhaustedError):
        list(client.predict_stream("m", [{"x": np.zeros(1000)}]))


def test_an_iterator_that_is_closed_ends_the_call(client, daemon):
    answers = client.predict_stream("m", ({"x": number} for number in itertools.count()))
    assert next(answers).output == 0
    answers.close()
    assert daemon.stream_over.wait(30)


def test_a_full_queue_says_when_to_try_again(client, daemon):
    def full(request):
        raise AssertionError("the failure comes first")

    daemon.responses["Predict"] = full
    daemon.failures = [(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")]
    daemon.trailing_metadata = (("grpc-retry-pushback-ms", "250"),)
    with pytest.raises(ResourceExhaustedError) as caught:
        client.predict("m", {})
    assert caught.value.retry_after_s == 0.25


class Inputs:
    """Asynchronous inputs that tell how far they were taken, and that they were closed."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0
        self.closed = False

    async def __aiter__(self):
        try:
            for number in range(self.count):
                self.taken += 1
                yield {"x": number}
        finally:
            self.closed = True


def other_tasks() -> set:
    return asyncio.all_tasks() - {asyncio.current_task()}


def asynchronous(daemon, body):
    async def run():
        async with AsyncClient(daemon.address) as client:
            before = other_tasks()
            await body(client)
            # gRPC's own end within a few rounds of the loop.
            for _ in range(1000):
                if not other_tasks() - before:
                    break
                await asyncio.sleep(0)
            assert other_tasks() <= before

    asyncio.run(asyncio.wait_for(run(), 60))


def test_asynchronous_inputs(daemon):
    async def body(client):
        inputs = Inputs(200)
        answers = [answer.output async for answer in client.predict_stream("m", inputs)]
        assert answers == list(range(200))
        assert inputs.closed

    asynchronous(daemon, body)


def test_inputs_may_wait_for_answers(daemon):
    """A request is answered before the next one is there."""

    async def body(client):
        queue: asyncio.Queue = asyncio.Queue()

        async def inputs():
            while (number := await queue.get()) is not None:
                yield {"x": number}

        queue.put_nowait(1)
        seen = []
        async for answer in client.predict_stream("m", inputs()):
            seen.append(answer.output)
            queue.put_nowait(answer.output * 2 if answer.output < 100 else None)
        assert seen == [1, 2, 4, 8, 16, 32, 64, 128]

    asynchronous(daemon, body)


def test_inputs_are_held_back_while_answers_are_not_taken(daemon):
    async def body(client):
        inputs = Inputs(1000)
        answers = client.predict_stream("m", inputs)
        for number in range(3):
            assert (await answers.__anext__()).output == number
            for _ in range(200):
                await asyncio.sleep(0)
            assert inputs.taken <= _rpc.STREAM_REQUESTS + number + 1
        await answers.aclose()
        assert inputs.closed

    asynchronous(daemon, body)


@pytest.mark.parametrize("waits_in", ["inputs", "read"])
def test_a_cancelled_task_leaves_nothing_behind(daemon, waits_in):
    async def body(client):
        inputs = Inputs(5)
        first = asyncio.Event()

        async def endless():
            try:
                yield {"x": 0}
                await asyncio.Event().wait()
            finally:
                inputs.closed = True

        if waits_in == "read":
            daemon.on_stream = lambda requests, context: silent(daemon, requests)

        async def consume():
            source = endless() if waits_in == "inputs" else inputs
            async with contextlib.aclosing(client.predict_stream("m", source)) as answers:
                async for _ in answers:
                    first.set()

        task = asyncio.ensure_future(consume())
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert inputs.closed
        await asyncio.get_running_loop().run_in_executor(None, daemon.stream_over.wait, 30)
        assert daemon.stream_over.is_set()
        assert (await client.predict("m", {"x": 7})).output == 7

    asynchronous(daemon, body)


def silent(daemon, requests):
    """One answer, and then none, until the client goes."""
    yield pb.PredictStreamResponse(response=daemon.echo(next(requests).request))
    daemon.stream_over.wait(30)


def test_a_loop_that_is_left_early(daemon):
    async def body(client):
        inputs = Inputs(1000)
        async with contextlib.aclosing(client.predict_stream("m", inputs)) as answers:
            async for answer in answers:
                if answer.output == 5:
                    break
        assert inputs.closed
        assert inputs.taken < 1000

    asynchronous(daemon, body)


def test_an_exception_of_asynchronous_inputs_comes_after_the_answers_before_it(daemon):
    async def inputs():
        for number in range(10):
            yield {"x": number}
        raise KeyError("no such picture")

    async def body(client):
        answers = client.predict_stream("m", inputs())
        assert [(await answers.__anext__()).output for _ in range(10)] == list(range(10))
        with pytest.raises(KeyError, match="no such picture"):
            await answers.__anext__()

    asynchronous(daemon, body)


def test_streams_share_a_client(daemon):
    async def body(client):
        async def outputs(start: int) -> list[int]:
            inputs = ({"x": number} for number in range(start, start + 100))
            return [answer.output async for answer in client.predict_stream("m", inputs)]

        starts = [0, 1000, 2000]
        assert await asyncio.gather(*map(outputs, starts)) == [
            list(range(start, start + 100)) for start in starts
        ]

    asynchronous(daemon, body)


def test_a_closed_client_opens_no_stream(daemon):
    async def run():
        client = AsyncClient(daemon.address)
        await client.close()
        await client.predict_stream("m", []).__anext__()

    with pytest.raises(ValueError, match="the client is closed"):
        asyncio.run(run())
