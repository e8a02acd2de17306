"""What an exporter raises ends its own format only; what cannot be run is said in a sentence."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import export_modules as modules
import pytest
import torch
from torch import Tensor, nn

from modeld_export import ExportError, Severity, export

X = torch.rand(2, 4)


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ torch.ones(4, 2)


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, parts: list[Tensor]) -> Tensor:
        return self.layer(parts[0])


def normed() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)))


@pytest.mark.parametrize(
    ("module", "inputs", "format"),
    [
        (Constant(), X, "bf16"),
        (Listed(), ([X],), "bf16"),
        (nn.Sequential(nn.Linear(4, 3)).double(), X.double(), "int8"),
        (normed(), X, "int8"),
    ],
)
def test_a_format_that_fails_does_not_end_the_others(
    exported: Any, module: nn.Module, inputs: Any, format: str
) -> None:
    made = exported(module, inputs, [format, "traced"])
    assert made.artifact("traced").ok, made
    assert made.artifact(format).path is None
    assert "leave the format out" in str(made.artifact(format).findings)


class Locked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


def test_a_module_that_cannot_be_copied(exported: Any) -> None:
    assert exported(Locked(), X, ["traced"]).ok


def test_a_module_that_is_scripted_already(exported: Any) -> None:
    assert exported(torch.jit.script(modules.Linear().eval()), X, ["scripted"]).ok


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (nn.LazyLinear(3), X, "run the module once"),
        (nn.Linear(4, 3, device="meta"), X, "load the weights first"),
        (modules.Linear(), X.to("meta"), "expected one with elements"),
        (modules.Linear(), X[:0], "at least one row"),
        (modules.Linear(), X.to_sparse(), r"'x' is given as a sparse tensor"),
        (nn.DataParallel(modules.Linear()), X, "export module.module"),
    ],
)
def test_what_cannot_be_run(tmp_path: Path, module: nn.Module, inputs: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        export(module.eval(), inputs, name="m", version="1.0", directory=tmp_path)


class Returns(nn.Module):
    """What no answer carries."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: x.to_sparse(), r"as a sparse tensor.*\.to_dense\(\)"),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8), "as a quantized tensor"),
        (lambda x: {"a": [torch.nested.nested_tensor([x[0], x[1]])]}, "as a nested tensor"),
        (lambda x: x.numpy(), "as a NumPy array"),
        (lambda x: (x, {1, 2}), "as set, expected a tensor, number or string"),
    ],
)
def test_outputs_that_no_answer_carries(exported: Any, make: Any, message: str) -> None:
    with pytest.raises(ExportError, match="forward returns its output " + message):
        exported(Returns(make), X)


@pytest.mark.parametrize("make", [lambda x: {}, lambda x: (), lambda x: []])
def test_outputs_that_are_none(exported: Any, make: Any) -> None:
    with pytest.raises(ExportError, match="expected at least one output"):
        exported(Returns(make), X)


class InDictionary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.layer(x)
        return {"logits": logits, "highest class": logits.argmax(1)}


@pytest.mark.parametrize("format", ["int8", "bf16"])
def test_a_dictionary_of_outputs_in_fewer_digits(exported: Any, format: str) -> None:
    made = exported(InDictionary(), X, [format], output_names=["logits", "highest class"])
    assert made.artifact(format).path is not None, made


def test_outputs_that_are_infinite_on_the_example_are_said(exported: Any) -> None:
    made = exported(Returns(lambda x: x / 0.0), X)
    (finding,) = made.findings
    assert (finding.kind, finding.severity) == ("nan", Severity.WARNING)
    assert "are infinite on the example" in finding.message


class ByName(nn.Module):
    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        return x * scale


def test_an_argument_that_is_taken_by_name_only(exported: Any) -> None:
    assert exported(ByName(), X, ["traced"]).ok
    with pytest.raises(ExportError, match="'scale', which forward takes by name only"):
        exported(ByName(), {"x": X, "scale": 2.0}, ["traced"])


def test_output_names_of_a_dictionary(exported: Any) -> None:
    with pytest.raises(ExportError, match="leave output_names out"):
        exported(modules.Detects(), torch.rand(2, 3, 8, 8), output_names=["a", "b"])


@pytest.mark.parametrize("format", ["onnx", "traced"])
@pytest.mark.parametrize("module", [modules.Named(), modules.Detects()])
def test_named_outputs_in_every_format(exported: Any, module: nn.Module, format: str) -> None:
    made = exported(module, X if isinstance(module, modules.Named) else torch.rand(2, 3, 8, 8), [format])
    assert made.ok, made


class NoGradient(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return x * 2


def test_no_grad_is_no_assignment_to_an_attribute(exported: Any) -> None:
    assert not exported(NoGradient(), X, ["scripted"]).artifact("scripted").findings


class GoesOn(nn.Module):
    """A trace of it ended the process."""

    def forward(self, x: Tensor) -> Tensor:
        try:
            torch.linalg.cholesky(torch.eye(4) * (x.min() - 2))
        except RuntimeError:
            return x - 7
        return x * 1.0


def test_a_trace_of_what_goes_on_after_an_operator_raised_ends_no_process(tmp_path: Path) -> None:
    made = export(
        GoesOn().eval(),
        X,
        name="m",
        version="1.0",
        directory=tmp_path,
        formats=["traced", "onnx"],
        opset=17,
    )
    for artifact in made.artifacts:
        assert artifact.path is None
        (finding,) = artifact.findings
        assert finding.kind == "export"
        assert "forward goes on where linalg_cholesky raised" in finding.message
