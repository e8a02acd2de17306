"""Every known way in which an export goes wrong is reported; none passes silently."""

from __future__ import annotations

from typing import Any

import export_modules as modules
import pytest
import torch

from modeld_export import Export, ExportError, Severity

X = torch.linspace(0.1, 1, 8).reshape(2, 4)


def kinds(exported: Export, severity: Severity) -> set[str]:
    found = list(exported.findings)
    for artifact in exported.artifacts:
        found += artifact.findings
    return {finding.kind for finding in found if finding.severity is severity}


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (modules.Branch(), "branch"),
        (modules.BakesQuietly(), "baked-size"),
        (modules.Bakes(), "baked-size"),
        (modules.FixedRows(), "baked-size"),
        (modules.DropoutLeftOn(), "random"),
        (modules.RandomOperator(), "random"),
        (modules.Counts(), "side-effect"),
        (modules.CountsGlobally(), "side-effect"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else value,
)
def test_what_makes_a_trace_wrong_is_an_error(exported: Any, module: torch.nn.Module, kind: str) -> None:
    made = exported(module, X)
    assert kind in kinds(made, Severity.ERROR), made
    assert not made.ok


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (modules.InPlace(), "in-place"),
        (modules.Transposed(), "not-contiguous"),
        (modules.Prints(), "side-effect"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else value,
)
def test_what_is_only_dear_or_lost_is_a_warning(exported: Any, module: torch.nn.Module, kind: str) -> None:
    made = exported(module, X, dynamic={})
    assert kind in kinds(made, Severity.WARNING), made
    assert made.ok


def test_the_line_of_a_branch_is_named(exported: Any) -> None:
    (artifact,) = exported(modules.Branch(), X).artifacts
    lines = [finding.where for finding in artifact.findings if finding.kind == "branch"]
    assert any(line.startswith("export_modules.py:") for line in lines), artifact.findings
    assert artifact.path is None


def test_the_line_of_a_baked_size_is_named(exported: Any) -> None:
    (artifact,) = exported(modules.Bakes(), X).artifacts
    (finding, *_) = [each for each in artifact.findings if each.kind == "baked-size"]
    assert finding.where.startswith("export_modules.py:")
    assert "2" in finding.message


def test_a_branch_is_kept_by_scripting(exported: Any) -> None:
    made = exported(modules.Branch(), X, ["scripted"])
    assert made.ok
    assert not made.artifacts[0].findings


def test_training_mode_is_refused() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout()).train()
    from modeld_export import export

    with pytest.raises(ExportError, match=r"call module\.eval\(\)"):
        export(module, X, name="m", version="1.0")


def test_the_module_stays_as_it_was(exported: Any) -> None:
    module = modules.Counts()
    exported(modules.InPlace(), X)
    exported(module, X)
    assert torch.equal(X, torch.linspace(0.1, 1, 8).reshape(2, 4))


@pytest.mark.parametrize("format", ["traced", "onnx"])
def test_one_tensor_given_for_two_arguments_is_two(exported: Any, format: str) -> None:
    """An exporter may take arguments that are the same object for one."""
    state = torch.zeros(2, 5)
    made = exported(
        modules.Steps(), (torch.rand(2, 3), state, state), [format], output_names=["next_h", "next_c"]
    )
    assert made.ok, made
