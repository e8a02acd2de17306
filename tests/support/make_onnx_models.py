"""The ONNX models that tests serve: one small file for each kind of input, output and behaviour.

As a program, `make_onnx_models.py DIRECTORY` writes `NAME.onnx` for every model.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

FLOAT, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)
# By the Open Inference Protocol's names.
DTYPES = {
    "BOOL": TensorProto.BOOL,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}

MODELS: dict[str, Callable[[], ModelProto]] = {}

Shape = Sequence[int | str] | None  # a str is an open dimension, None leaves the rank open


def model(builder: Callable[[], ModelProto]) -> Callable[[], ModelProto]:
    """Adds a function to the table, under its own name."""
    MODELS[builder.__name__] = builder
    return builder


def tensor(name: str, dtype: int, shape: Shape = None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op: str, inputs: list[str], outputs: list[str], **attributes: object) -> NodeProto:
    return helper.make_node(op, inputs, outputs, name=f"the_{op.lower()}", **attributes)


def graph(
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
) -> GraphProto:
    return helper.make_graph(nodes, "graph", inputs, outputs, list(initializers))


def onnx_model(
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
) -> ModelProto:
    # Versions that ONNX Runtime 1.18 knows already.
    opsets = [
        helper.make_opsetid("", 20),
        helper.make_opsetid("ai.onnx.ml", 3),
        helper.make_opsetid("not.known", 1),
    ]
    return helper.make_model(graph(nodes, inputs, outputs, initializers), opset_imports=opsets, ir_version=9)


def constant(name: str, value: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(value, name)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


# Every dtype.


def identity(dtype: int) -> ModelProto:
    return onnx_model([node("Identity", ["x"], ["y"])], [tensor("x", dtype)], [tensor("y", dtype)])


for dtype_name, element_type in DTYPES.items():
    MODELS[f"identity_{dtype_name}"] = lambda element_type=element_type: identity(element_type)


# Plain models.


@model
def add() -> ModelProto:
    return onnx_model(
        [node("Add", ["a", "b"], ["sum"])],
        [tensor("a", FLOAT, ["n"]), tensor("b", FLOAT, ["n"])],
        [tensor("sum", FLOAT, ["n"])],
    )


@model
def cnn() -> ModelProto:
    """Takes pictures of [N,1,8,8], returns [N,10]."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((8, 1, 3, 3)).astype(np.float32)
    dense = random.standard_normal((8 * 4 * 4, 10)).astype(np.float32)
    return onnx_model(
        [
            node("Conv", ["input", "weights"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["r"]),
            node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", ["p"], ["f"]),
            node("MatMul", ["f", "dense"], ["logits"]),
        ],
        [tensor("input", FLOAT, ["n", 1, 8, 8])],
        [tensor("logits", FLOAT, ["n", 10])],
        [constant("weights", weights), constant("dense", dense)],
    )


@model
def large() -> ModelProto:
    """16 MiB of weights."""
    weights = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    return onnx_model(
        [node("MatMul", ["x", "weights"], ["y"])],
        [tensor("x", FLOAT, ["n", 2048])],
        [tensor("y", FLOAT, ["n", 2048])],
        [constant("weights", weights)],
    )


@model
def upper() -> ModelProto:
    return onnx_model(
        [node("StringNormalizer", ["words"], ["upper"], case_change_action="UPPER", locale="C")],
        [tensor("words", STRING, ["n"])],
        [tensor("upper", STRING, ["n"])],
    )


@model
def string_columns() -> ModelProto:
    """As classical models take them: a column each, of [N,1]."""
    return onnx_model(
        [node("Equal", ["left", "right"], ["same"])],
        [tensor("left", STRING, ["n", 1]), tensor("right", STRING, ["n", 1])],
        [tensor("same", BOOL, ["n", 1])],
    )


@model
def several_outputs() -> ModelProto:
    return onnx_model(
        [
            node("Add", ["x", "x"], ["twice"]),
            node("ReduceSum", ["x"], ["total"], keepdims=0),
            node("Size", ["x"], ["count"]),
        ],
        [tensor("x", FLOAT, ["n"])],
        [tensor("twice", FLOAT, ["n"]), tensor("total", FLOAT, []), tensor("count", INT64, [])],
    )


@model
def overridable() -> ModelProto:
    """An input with an initializer, which callers of ONNX Runtime may leave out."""
    return onnx_model(
        [node("Mul", ["x", "scale"], ["y"])],
        [tensor("x", FLOAT, ["n"]), tensor("scale", FLOAT, [1])],
        [tensor("y", FLOAT, ["n"])],
        [constant("scale", floats(3))],
    )


@model
def fixed_shape() -> ModelProto:
    return onnx_model(
        [node("Relu", ["x"], ["y"])],
        [tensor("x", FLOAT, ["n", 3])],
        [tensor("y", FLOAT, ["n", 3])],
    )


@model
def no_inputs() -> ModelProto:
    """Returns an initializer itself."""
    return onnx_model([], [], [tensor("parameter", FLOAT, [3])], [constant("parameter", floats(1, 2, 3))])


@model
def denormal() -> ModelProto:
    """Whether a number too small to be normal survives a multiplication by one."""
    return onnx_model(
        [node("Mul", ["x", "one"], ["y"]), node("Greater", ["y", "zero"], ["survives"])],
        [tensor("x", FLOAT, ["n"]), tensor("one", FLOAT, ["n"])],
        [tensor("survives", BOOL, ["n"])],
        [constant("zero", floats(0))],
    )


# Values that are no tensors.


@model
def sequence() -> ModelProto:
    return onnx_model(
        [node("SplitToSequence", ["x"], ["rows"], axis=0)],
        [tensor("x", FLOAT, ["n", 2])],
        [helper.make_tensor_sequence_value_info("rows", FLOAT, None)],
    )


def zip_map(key_type: int, **labels: object) -> ModelProto:
    """As classifiers of scikit-learn come out of skl2onnx."""
    probabilities = helper.make_value_info(
        "probabilities",
        helper.make_sequence_type_proto(
            helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(FLOAT, []))
        ),
    )
    return onnx_model(
        [
            node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
            helper.make_node("ZipMap", ["x"], ["probabilities"], domain="ai.onnx.ml", **labels),
        ],
        [tensor("x", FLOAT, ["n", 2])],
        [tensor("label", INT64, ["n"]), probabilities],
    )


@model
def zip_map_int() -> ModelProto:
    return zip_map(INT64, classlabels_int64s=[7, 9])


@model
def zip_map_string() -> ModelProto:
    return zip_map(STRING, classlabels_strings=["cat", "dog"])


@model
def sequence_input() -> ModelProto:
    return onnx_model(
        [node("SequenceLength", ["rows"], ["length"])],
        [helper.make_tensor_sequence_value_info("rows", FLOAT, None)],
        [tensor("length", INT64, [])],
    )


@model
def optional_output() -> ModelProto:
    """Nothing, where the sum is not above zero."""
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ["n"]))
    something = graph(
        [node("Optional", ["x"], ["something"])], [], [helper.make_value_info("something", kind)]
    )
    nothing = graph(
        [node("Optional", [], ["nothing"], type=kind.optional_type.elem_type)],
        [],
        [helper.make_value_info("nothing", kind)],
    )
    return onnx_model(
        [
            node("ReduceSum", ["x"], ["sum"], keepdims=0),
            node("Greater", ["sum", "zero"], ["positive"]),
            node("If", ["positive"], ["maybe"], then_branch=something, else_branch=nothing),
        ],
        [tensor("x", FLOAT, ["n"])],
        [helper.make_value_info("maybe", kind)],
        [constant("zero", np.array(0, dtype=np.float32))],
    )


@model
def float8_output() -> ModelProto:
    return onnx_model(
        [node("Cast", ["x"], ["small"], to=TensorProto.FLOAT8E4M3FN)],
        [tensor("x", FLOAT, ["n"])],
        [tensor("small", TensorProto.FLOAT8E4M3FN, ["n"])],
    )


# Control flow.


@model
def branches() -> ModelProto:
    """x + x where the sum of x is above zero, else -x."""
    return onnx_model(
        [
            node("ReduceSum", ["x"], ["sum"], keepdims=0),
            node("Greater", ["sum", "zero"], ["positive"]),
            node(
                "If",
                ["positive"],
                ["y"],
                then_branch=graph([node("Add", ["x", "x"], ["a"])], [], [tensor("a", FLOAT, ["n"])]),
                else_branch=graph([node("Neg", ["x"], ["b"])], [], [tensor("b", FLOAT, ["n"])]),
            ),
        ],
        [tensor("x", FLOAT, ["n"])],
        [tensor("y", FLOAT, ["n"])],
        [constant("zero", np.array(0, dtype=np.float32))],
    )


@model
def loop() -> ModelProto:
    """Doubles x so many times."""
    body = graph(
        [node("Identity", ["go"], ["go_on"]), node("Add", ["state", "state"], ["next"])],
        [tensor("step", INT64, []), tensor("go", BOOL, []), tensor("state", FLOAT, ["n"])],
        [tensor("go_on", BOOL, []), tensor("next", FLOAT, ["n"])],
    )
    return onnx_model(
        [node("Loop", ["times", "", "x"], ["y"], body=body)],
        [tensor("times", INT64, []), tensor("x", FLOAT, ["n"])],
        [tensor("y", FLOAT, ["n"])],
    )


# Models that fail.


@model
def unknown_locale() -> ModelProto:
    return onnx_model(
        [node("StringNormalizer", ["words"], ["upper"], case_change_action="UPPER", locale="no")],
        [tensor("words", STRING, ["n"])],
        [tensor("upper", STRING, ["n"])],
    )


@model
def gather() -> ModelProto:
    return onnx_model(
        [node("Gather", ["x", "indices"], ["y"])],
        [tensor("x", FLOAT, [3]), tensor("indices", INT64, ["n"])],
        [tensor("y", FLOAT, ["n"])],
    )


@model
def reshape() -> ModelProto:
    return onnx_model(
        [node("Reshape", ["x", "shape"], ["y"])],
        [tensor("x", FLOAT), tensor("shape", INT64, ["rank"])],
        [tensor("y", FLOAT)],
    )


@model
def expand() -> ModelProto:
    """As large as it is asked to be."""
    return onnx_model(
        [node("Expand", ["x", "shape"], ["y"])],
        [tensor("x", FLOAT, [1]), tensor("shape", INT64, ["rank"])],
        [tensor("y", FLOAT)],
    )


@model
def unknown_operator() -> ModelProto:
    return onnx_model(
        [helper.make_node("Frobnicate", ["x"], ["y"], domain="not.known")],
        [tensor("x", FLOAT, ["n"])],
        [tensor("y", FLOAT, ["n"])],
    )


@model
def contradictory() -> ModelProto:
    """Adds tensors of two dtypes."""
    return onnx_model(
        [node("Add", ["x", "one"], ["y"])],
        [tensor("x", FLOAT, ["n"])],
        [tensor("y", FLOAT, ["n"])],
        [constant("one", np.array([1], dtype=np.int64))],
    )


def external(location: str) -> ModelProto:
    data = TensorProto(name="w", data_type=FLOAT, dims=[64], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "256"}.items():
        data.external_data.add(key=key, value=value)
    return onnx_model(
        [node("Add", ["x", "w"], ["y"])],
        [tensor("x", FLOAT, [64])],
        [tensor("y", FLOAT, [64])],
        [data],
    )


# `weights.bin` lies beside them.
MODELS["external_beside"] = lambda: external("weights.bin")
MODELS["external_above"] = lambda: external("../onnx_models/weights.bin")
MODELS["external_absolute"] = lambda: external("/etc/passwd")
MODELS["external_in_memory"] = lambda: external("*/_ORT_MEM_ADDR_/*")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the ONNX models that tests serve.")
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    (arguments.directory / "weights.bin").write_bytes(np.zeros(64, dtype=np.float32).tobytes())
    for name, build in MODELS.items():
        (arguments.directory / f"{name}.onnx").write_bytes(build().SerializeToString())


if __name__ == "__main__":
    main()
