"""config.json, made from the module and its example inputs."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import torch

from .axes import Axes
from .calls import Call
from .differences import Tolerance, scales
from .errors import ExportError
from .values import Value, tensors_in

Config = dict[str, Any]

# The Open Inference Protocol's names.
DTYPES = {
    torch.bool: "BOOL",
    torch.int8: "INT8",
    torch.int16: "INT16",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.uint8: "UINT8",
    torch.float16: "FP16",
    torch.bfloat16: "BF16",
    torch.float32: "FP32",
    torch.float64: "FP64",
    torch.complex64: "COMPLEX64",
    torch.complex128: "COMPLEX128",
}


def dtype_name(dtype: torch.dtype) -> str:
    try:
        return DTYPES[dtype]
    except KeyError:
        raise ExportError(f"{dtype} has no name in a request; convert it, as by .to(torch.float32)") from None


def _inputs(call: Call, axes: Axes) -> list[Config]:
    """Of the tensors; what else forward takes is known from its schema."""
    return [
        {"name": name, "dtype": dtype_name(value.dtype), "shape": axes.shape(name, value)}
        for name, value in call.arguments.items()
        if isinstance(value, torch.Tensor)
    ]


def _output_shape(first: torch.Tensor, second: torch.Tensor | None) -> list[int] | None:
    """What is the same on two calls of different sizes is fixed."""
    if second is None or first.dim() != second.dim():
        return None
    return [size if size == other else -1 for size, other in zip(first.shape, second.shape)]


def _outputs(
    outputs: Mapping[str, Value], others: Mapping[str, Value] | None, labels: Mapping[str, Sequence[str]]
) -> list[Config]:
    """Where they are tensors all: a declaration names every output."""
    declared = []
    for name, value in outputs.items():
        if not isinstance(value, torch.Tensor):
            return []
        spec: Config = {"name": name, "dtype": dtype_name(value.dtype)}
        other = others.get(name) if others is not None else value
        shape = _output_shape(value, other if isinstance(other, torch.Tensor) else None)
        if shape:
            spec["shape"] = shape
        if name in labels:
            spec["labels"] = label_entry(name)
        declared.append(spec)
    return declared


def label_entry(output: str) -> str:
    """The extra file that holds an output's labels."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", output)
    # An output may be called as no file is, and others as it would be then.
    return f"labels/{plain}{'' if plain == output else f'-{zlib.crc32(output.encode()):08x}'}.txt"


def with_labels_inside(config: Config, labels: Mapping[str, Sequence[str]]) -> Config:
    """For files that carry no others: the labels stand in the config itself."""
    outputs = [
        {
            **{key: value for key, value in spec.items() if key != "labels"},
            "label_names": list(labels[spec["name"]]),
        }
        if spec["name"] in labels
        else spec
        for spec in config.get("outputs", [])
    ]
    return {**config, "outputs": outputs} if labels else config


def with_tolerance(config: Config, tolerance: Tolerance, outputs: Mapping[str, Value]) -> Config:
    """For the daemon, whose rule has no scale: that of these outputs goes in, of what is neither infinite
    nor far larger than the rest. What the config says already stays."""
    scale = max(
        (
            float(scales(torch.nan_to_num(tensor.double().abs(), nan=0.0, posinf=0.0)).min())
            for _, tensor in tensors_in(outputs)
            if tensor.is_floating_point() and tensor.numel()
        ),
        default=1.0,
    )
    own = {"execution": {"tolerance": {"rtol": tolerance.rtol, "atol": tolerance.atol * scale}}}
    return _merge(own, config)


def with_ragged(config: Config, outputs: Mapping[str, Value]) -> Config:
    """What has another size in these outputs than is declared has no fixed one."""
    specs = []
    for spec in config.get("outputs", []):
        value = outputs.get(spec["name"])
        shape = spec.get("shape")
        if shape is not None and isinstance(value, torch.Tensor):
            if value.dim() != len(shape):
                spec = {key: held for key, held in spec.items() if key != "shape"}
            else:
                sizes = [size if size == other else -1 for size, other in zip(shape, value.shape)]
                spec = {**spec, "shape": sizes}
        specs.append(spec)
    return {**config, "outputs": specs} if specs else config


def _merge(base: Config, over: Mapping[str, Any]) -> Config:
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def make_config(
    name: str,
    version: str,
    call: Call,
    axes: Axes,
    outputs: Mapping[str, Value],
    other_outputs: Mapping[str, Value] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Config:
    """What the daemon reads.

    Args:
      outputs: by name, of `call`.
      other_outputs: of a call of other sizes along every dynamic axis; None: all sizes are fixed.
      labels: of outputs, one for each element of the last dimension.
      extra: goes over what was inferred, section by section.

    Raises:
      ExportError: labels of what is no output, or of another number than there are classes.
    """
    labels = labels or {}
    for output, texts in labels.items():
        value = outputs.get(output)
        if not isinstance(value, torch.Tensor) or value.dim() == 0:
            raise ExportError(
                f"labels are for {output!r}, expected one of the outputs that are tensors: {list(outputs)}"
            )
        if len(texts) != value.shape[-1]:
            raise ExportError(
                f"{len(texts)} labels for {output!r}, whose last dimension is {value.shape[-1]}; give as many"
            )
    config: Config = {"name": name, "version": version, "inputs": _inputs(call, axes)}
    declared = _outputs(outputs, other_outputs, labels)
    if declared:
        config["outputs"] = declared
    elif labels:
        raise ExportError("labels need outputs that are tensors, all of them")
    return _merge(config, extra or {})


def schema() -> dict[str, Any]:
    """The JSON schema of config.json, for editors. Made from model_config.proto by
    tools/export/make_schema.py."""
    text = (resources.files(__package__) / "model_config.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
