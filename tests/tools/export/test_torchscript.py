"""What TorchScript's compiler says, in one line with a remedy."""

from __future__ import annotations

from typing import Any

import export_modules as modules
import pytest
import torch
from torch import Tensor, nn

from modeld_export.torchscript import explain, script


class Opens(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        with open("/dev/null") as file:
            return x * len(file.read())


class Missing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.nothing  # type: ignore[operator]


class Flags(nn.Module):
    def forward(self, x: Tensor, flag) -> Tensor:  # type: ignore[no-untyped-def]
        return x if flag == "a" else -x


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = torch.zeros(())
        return x * 1.0


@pytest.mark.parametrize("module", [Opens(), Missing()])
def test_what_cannot_be_scripted_says_why(exported: Any, module: nn.Module) -> None:
    from modeld_export import ExportError

    with pytest.raises(ExportError, match=r"it cannot be scripted: .*; "):
        script(module)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no reason is given"),
        ("Compiled functions can't take variable number of arguments", "; give forward named arguments"),
        ('undefined value foo:\n  File "/a/net.py", line 7', "undefined value foo (net.py:7); only torch"),
        ("something else", "something else"),
    ],
)
def test_explanations(text: str, said: str) -> None:
    assert said in explain(text)


def test_a_scripted_module_is_taken_as_it_is() -> None:
    scripted = torch.jit.script(modules.Linear())
    assert script(scripted) is scripted


class Marked(nn.Module):
    @torch.jit.unused
    def later(self, x):  # type: ignore[no-untyped-def]
        return x * 2

    def forward(self, x: Tensor, more: bool = False) -> Tensor:
        return self.later(x) if more else x


def test_what_raises_in_a_script_as_it_is_marked_is_named(exported: Any) -> None:
    made = exported(Marked(), torch.rand(2, 4), ["scripted"])
    (finding,) = made.artifact("scripted").findings
    assert finding.kind == "unused"
    assert "Marked.later" in finding.message


def test_an_assignment_to_an_attribute_is_a_warning(exported: Any) -> None:
    made = exported(Writes(), torch.rand(2, 4), ["scripted"])
    assert made.ok, made
    (finding,) = made.artifact("scripted").findings
    assert finding.kind == "side-effect"
    assert finding.where.startswith("test_torchscript.py:")
