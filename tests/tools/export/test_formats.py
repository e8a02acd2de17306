"""Each format carries what the daemon reads, and answers as the module does."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import export_modules as modules
import onnx
import pytest
import torch

from modeld_client._proto import value_pb2
from modeld_export import Tolerance, package

X = torch.rand(2, 4)
IMAGE = torch.rand(2, 3, 8, 8)


def extra(path: Path) -> dict[str, bytes]:
    """Of an archive, below extra/."""
    with zipfile.ZipFile(path) as archive:
        return {
            name.split("/extra/", 1)[1]: archive.read(name)
            for name in archive.namelist()
            if "/extra/" in name
        }


@pytest.mark.parametrize("format", ["traced", "scripted", "int8", "bf16"])
def test_torchscript_carries_its_config_and_more(exported: Any, format: str) -> None:
    made = exported(
        modules.Linear(),
        X,
        [format],
        labels={"output": ["a", "b", "c"]},
        config={"guard": {"allow_nan": True}},
    )
    assert made.ok, made
    files = extra(made.artifact(format).path)
    config = json.loads(files["config.json"])
    assert config == {
        "name": "m",
        "version": "1.0",
        "inputs": [{"name": "x", "dtype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "output", "dtype": "FP32", "shape": [-1, 3], "labels": "labels/output.txt"}],
        "guard": {"allow_nan": True},
    }
    assert files["labels/output.txt"] == b"a\nb\nc\n"
    assert json.loads(files["environment.json"])["torch"] == torch.__version__
    sample = value_pb2.GoldenSample.FromString(files["golden/0"])
    assert list(sample.inputs) == ["x"]
    assert list(sample.outputs) == ["output"]


@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_onnx(exported: Any, opset: int) -> None:
    made = exported(
        modules.Convolves(),
        IMAGE,
        ["onnx"],
        opset=opset,
        dynamic={"image": {0: "batch", 2: "height", 3: "width"}},
        labels={"output": list("abcd")},
    )
    assert made.ok, made
    artifact = made.artifact("onnx")
    assert {trial.name for trial in artifact.trials} >= {"batch=1", "height=17", "width=9", "zeros", "large"}
    model = onnx.load(artifact.path)
    assert model.opset_import[0].version == opset
    (text,) = [entry.value for entry in model.metadata_props if entry.key == "modeld.config"]
    config = json.loads(text)
    assert config["inputs"] == [{"name": "image", "dtype": "FP32", "shape": [-1, 3, -1, -1]}]
    assert config["outputs"][0]["label_names"] == list("abcd")
    assert (artifact.path.with_name(artifact.path.name + ".golden") / "0").is_file()


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_an_example_of_one_row_does_not_fix_the_batch(exported: Any, format: str) -> None:
    made = exported(modules.Linear(), torch.rand(1, 4), [format])
    assert made.ok, made
    assert "batch=3" in [trial.name for trial in made.artifact(format).trials]


def test_an_onnx_file_does_not_tell_where_its_author_keeps_files(exported: Any) -> None:
    path = exported(modules.Linear(), X, ["onnx"]).artifact("onnx").path
    assert str(Path(__file__).parent).encode() not in path.read_bytes()


def test_onnx_again_replaces_its_samples(exported: Any) -> None:
    for _ in range(2):
        assert exported(modules.Linear(), X, ["onnx"]).ok


def test_a_package(exported: Any) -> None:
    made = exported(modules.Linear(), X, ["pt2"])
    assert made.ok, made
    files = extra(made.artifact("pt2").path)
    assert json.loads(files["config.json"])["inputs"][0]["shape"] == [-1, 4]
    assert "golden/0" in files


def test_what_cannot_be_compiled_says_why(exported: Any) -> None:
    (artifact,) = exported(modules.Branch(), X, ["pt2"]).artifacts
    assert "cannot be compiled ahead of time" in str(artifact.findings[0])


def test_of_a_compiler_that_fails_its_own_words_are_told() -> None:
    error = RuntimeError(
        "C++ compile error\n\nCommand:\ng++ "
        + "-D X " * 200
        + "\n\nOutput:\nIn file a:\nfatal error: no disk\n"
    )
    assert package.explain(error) == "fatal error: no disk"
    assert package.explain(RuntimeError("C++ compile error")) == "C++ compile error"


def test_several_arguments_and_results(exported: Any) -> None:
    state = torch.zeros(2, 5)
    made = exported(
        modules.Steps(),
        (torch.rand(2, 3), state, state),
        ["traced", "scripted", "onnx", "bf16"],
        output_names=["next_h", "next_c"],
    )
    assert made.ok, made
    assert [spec["name"] for spec in made.config["outputs"]] == ["next_h", "next_c"]
    assert made.config["inputs"][1]["shape"] == [-1, 5]


def test_bfloat16_inside_gives_what_the_module_gives(exported: Any) -> None:
    made = exported(modules.Linear().half(), X.half(), ["bf16"])
    assert made.ok, made
    assert made.config["outputs"][0]["dtype"] == "FP16"


def test_labels_of_an_output_that_is_called_as_no_file_is(exported: Any) -> None:
    name = "../a b"
    made = exported(modules.Linear(), X, ["scripted"], output_names=[name], labels={name: ["a", "b", "c"]})
    files = extra(made.artifact("scripted").path)
    entry = made.config["outputs"][0]["labels"]
    assert ".." not in entry
    assert files[entry] == b"a\nb\nc\n"


def test_an_onnx_output_that_is_called_as_an_input_is(exported: Any) -> None:
    state = torch.zeros(2, 5)
    (artifact,) = exported(
        modules.Steps(), (torch.rand(2, 3), state, state), ["onnx"], output_names=["h", "c"]
    ).artifacts
    assert "give output_names" in str(artifact.findings[0])


def test_named_tuples_and_dictionaries_have_their_names(exported: Any) -> None:
    assert [spec["name"] for spec in exported(modules.Named(), X, ["scripted"]).config["outputs"]] == [
        "total",
        "mean",
    ]
    made = exported(modules.Detects(), IMAGE, ["scripted"])
    assert made.ok, made
    assert [spec["name"] for spec in made.config["outputs"]] == ["boxes", "scores"]


def test_what_is_no_tensor_is_left_to_the_schema(exported: Any) -> None:
    made = exported(modules.Words(), [["one", "drei"]], ["scripted"])
    assert made.ok, made
    assert made.config["inputs"] == []
    made = exported(modules.Flagged(), {"x": X, "flag": True}, ["scripted"])
    assert made.ok, made
    assert [spec["name"] for spec in made.config["inputs"]] == ["x"]


def test_rows_that_only_come_in_pairs_are_no_batch(exported: Any) -> None:
    made = exported(modules.OnlyEven(), X, ["scripted"])
    assert made.ok, made
    assert "outputs" not in made.config


def test_accuracy_on_a_validation_set(exported: Any) -> None:
    module = modules.Linear().eval()
    rows = torch.randn(64, 4)
    target = module(rows).argmax(-1)
    made = exported(module, X, ["int8", "bf16"], validation=[(rows, target)])
    for artifact in made.artifacts:
        assert artifact.accuracy.module == 1.0
        assert 0.8 < artifact.accuracy.artifact <= 1.0
        assert artifact.accuracy.change == artifact.accuracy.artifact - 1.0


def test_rows_of_eight_bits_are_not_batched(exported: Any) -> None:
    made = exported(modules.Linear(), X, ["int8", "scripted"], config={"batching": {"max_batch_size": 8}})
    assert made.ok, made
    assert [finding.kind for finding in made.artifact("int8").findings] == ["batching"]
    assert "batching" not in json.loads(extra(made.artifact("int8").path)["config.json"])
    assert "batching" in json.loads(extra(made.artifact("scripted").path)["config.json"])


class Centers(torch.nn.Module):
    """A row's answer is of all rows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0)


class Totals(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()


@pytest.mark.parametrize(
    ("module", "said"), [(Centers(), "depends on the other rows"), (Totals(), "not one row for each row")]
)
def test_rows_that_depend_on_each_other_are_not_batched(
    exported: Any, module: torch.nn.Module, said: str
) -> None:
    assert exported(module, X, ["scripted"]).ok
    made = exported(module, X, ["scripted"], config={"batching": {"max_batch_size": 8}})
    (finding,) = made.findings
    assert finding.kind == "batching"
    assert said in finding.message
    assert not made.ok


class Best(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values, places = x.topk(2)
        return values, places


def test_an_order_of_equals_is_not_compared(exported: Any) -> None:
    made = exported(Best(), X, ["onnx"])
    assert made.ok, made
    assert "zeros" in {each.name for each in made.artifact("onnx").not_taken}


class Spectrum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft(x)


def test_what_differs_alike_in_every_size_is_said_once(exported: Any) -> None:
    (artifact,) = exported(Spectrum(), X, ["onnx"]).artifacts
    (finding,) = artifact.findings
    assert "batch=1" in finding.message
    assert "batch=130" in finding.message


def test_beyond_tolerance_there_is_no_file(exported: Any, tmp_path: Path) -> None:
    made = exported(modules.Linear(), X, ["int8"], tolerance=Tolerance(rtol=0, atol=1e-9))
    (artifact,) = made.artifacts
    assert not made.ok
    assert artifact.path is None
    assert "are beyond tolerance (rtol 0, atol 1e-09)" in str(artifact.findings[0])
    assert not list((tmp_path / "out").iterdir())


def test_a_tolerance_is_the_daemons_too(exported: Any) -> None:
    made = exported(modules.Named(), 100 * X, ["scripted"], tolerance=Tolerance(rtol=1e-3, atol=1e-4))
    tolerance = made.config["execution"]["tolerance"]
    assert tolerance["rtol"] == 1e-3
    assert 1e-4 < tolerance["atol"] < 1  # of the size of what comes out
    kept = {"execution": {"tolerance": {"rtol": 0.5, "atol": 0.5}}}
    made = exported(modules.Named(), X, ["scripted"], tolerance=Tolerance(), config=kept)
    assert made.config["execution"] == kept["execution"]


class Masks(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.full_like(x, -math.inf), torch.full_like(x, -1e9)], -1)


def test_the_daemons_tolerance_is_finite_and_not_of_a_mask(exported: Any) -> None:
    made = exported(Masks(), X, ["scripted"], tolerance=Tolerance(rtol=1e-3, atol=1e-4))
    assert made.ok, made
    assert made.config["execution"]["tolerance"]["atol"] == 1e-4


class Chosen(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[x > 0.5]


def test_a_size_that_the_data_says_is_not_declared_fixed(exported: Any) -> None:
    made = exported(Chosen(), torch.rand(8), ["scripted"])
    assert made.config["outputs"][0]["shape"] == [-1]


def test_inputs_that_the_user_gave_are_tried(exported: Any) -> None:
    made = exported(modules.Linear(), X, ["scripted"], more_inputs=[torch.rand(7, 4)])
    assert "given 0" in [trial.name for trial in made.artifact("scripted").trials]
    made = exported(modules.Linear(), X, ["scripted"], more_inputs=[torch.rand(7, 5)])
    assert "the module itself raises" in str(made.artifact("scripted").findings[0])


def test_a_format_that_was_not_asked_for(exported: Any) -> None:
    with pytest.raises(KeyError):
        exported(modules.Linear(), X).artifact("onnx")
