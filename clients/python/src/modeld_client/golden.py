"""Golden samples: inputs with their expected outputs, to be carried in an artifact."""

from __future__ import annotations

from collections.abc import Mapping

from ._proto import value_pb2 as pb
from .codec import Value, encode


def golden_sample(inputs: Mapping[str, Value], outputs: Mapping[str, Value], method: str = "") -> bytes:
    """The bytes of a sample for `method` (empty: `forward`): an archive's extra file `golden/N`.

    Inputs and outputs are called, and passed, as for `Client.predict`. The outputs that are named must come
    out, within the tolerance of the model's config.
    """
    if not outputs:
        raise ValueError("a golden sample needs outputs, or there is nothing to compare")
    sample = pb.GoldenSample(method=method)
    for name, value in inputs.items():
        encode(value, sample.inputs[name], f"input {name!r}")
    for name, value in outputs.items():
        encode(value, sample.outputs[name], f"output {name!r}")
    return sample.SerializeToString(deterministic=True)
