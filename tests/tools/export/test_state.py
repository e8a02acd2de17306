"""What a module keeps between calls is found, and the user's own stays as it was."""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import export_modules as modules
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from modeld_export import ExportError, Severity

X = torch.linspace(0.1, 1, 8).reshape(2, 4)
SEEN: list[int] = []


class Caches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._mean: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self._mean is None:
            self._mean = x.mean()
        return x - self._mean


class Forgets(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.state: Any = torch.ones(())

    def forward(self, x: Tensor) -> Tensor:
        self.state = None
        return x * 1.0


class CountsPrivately(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self._calls += 1
        return x * 1.0


class Remembers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.past: deque[int] = deque(maxlen=3)

    def forward(self, x: Tensor) -> Tensor:
        self.past.append(1)
        return x * 1.0


class AppendsToGlobal(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        SEEN.append(1)
        return x * 1.0


class OwnTensor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x * 1.0


@pytest.mark.parametrize(
    "module",
    [Caches(), Forgets(), CountsPrivately(), Remembers(), AppendsToGlobal(), OwnTensor()],
    ids=lambda module: type(module).__name__,
)
def test_what_is_kept_between_calls_is_an_error_and_nothing_is_written(
    exported: Any, module: nn.Module, tmp_path: Any
) -> None:
    before = copy.deepcopy({**vars(module), **dict(module.named_buffers())})
    made = exported(module, X)
    assert ("side-effect", Severity.ERROR) in {(each.kind, each.severity) for each in made.findings}, made
    assert made.artifact("traced").path is None
    assert not list((tmp_path / "out").iterdir())
    after = {**vars(module), **dict(module.named_buffers())}
    assert str(after) == str({**before, "training": False})


class Positions(nn.Module):
    """Computes once what is the same for every input."""

    def __init__(self) -> None:
        super().__init__()
        self._table: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self._table is None:
            self._table = torch.arange(4.0)
        return x + self._table


def test_a_cache_that_changes_no_answer_is_a_warning(exported: Any) -> None:
    module = Positions()
    made = exported(module, X)
    assert made.ok, made
    assert [each.severity for each in made.findings] == [Severity.WARNING]
    assert module._table is None


class RarelyDrops(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 1e-6, training=True)


def test_what_draws_random_numbers_of_little_probability_is_random(exported: Any) -> None:
    made = exported(RarelyDrops(), X)
    assert "random" in {each.kind for each in made.findings}
    assert made.artifact("traced").path is None


def test_a_random_module_has_no_file(exported: Any) -> None:
    made = exported(modules.DropoutLeftOn(), X, ["traced", "scripted"])
    assert [artifact.path for artifact in made.artifacts] == [None, None]


class NoNumbers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * float("nan")


def test_outputs_that_are_not_a_number_are_said(exported: Any) -> None:
    made = exported(NoNumbers(), X)
    assert "nan" in {each.kind for each in made.findings}


class Cleans(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x[torch.isnan(x)] = 0
        return x * 2


def test_writing_over_what_is_not_a_number_is_writing(exported: Any) -> None:
    made = exported(Cleans(), torch.tensor([[1.0, float("nan")], [2.0, 3.0]]), ["scripted"])
    assert "in-place" in {each.kind for each in made.findings}


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x * 1.0


class Helper:
    def __init__(self, part: nn.Module) -> None:
        self.parts = {"a": part}


class Hides(nn.Module):
    """Keeps a part where PyTorch does not look for it."""

    def __init__(self, held: Any) -> None:
        super().__init__()
        self.held = held

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.held, Helper):
            return self.held.parts["a"](x)  # type: ignore[no-any-return]
        return self.held[0](x)  # type: ignore[no-any-return]


SHARED = nn.Linear(4, 4).requires_grad_(False)  # a trace takes no other for a constant


class Borrows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return SHARED(x)  # type: ignore[no-any-return]


def around() -> nn.Module:
    part = Counter()

    class Encloses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return part(x)  # type: ignore[no-any-return]

    return Encloses()


@pytest.mark.parametrize(
    "module",
    [
        Hides([Counter()]),
        Hides({0: Counter()}),
        Hides(Helper(Counter())),
        Hides([Hides([Counter()])]),
        around(),
    ],
)
def test_what_a_hidden_module_keeps_is_found(exported: Any, module: nn.Module) -> None:
    made = exported(module, X)
    assert {"hidden-module", "side-effect"} <= {each.kind for each in made.findings}, made
    assert made.artifact("traced").path is None


@pytest.mark.parametrize(
    ("module", "place"),
    [
        (Hides([SHARED]), "held[0]"),
        (Hides((SHARED,)), "held[0]"),
        (Hides(Helper(SHARED)), "held.parts['a']"),
        (Borrows(), "SHARED"),
    ],
)
def test_a_hidden_module_is_named(exported: Any, module: nn.Module, place: str) -> None:
    made = exported(module, X)
    (finding,) = made.findings
    assert place in finding.message
    assert "nn.ModuleList" in finding.message
    assert made.ok


@pytest.mark.parametrize("part", [nn.Dropout(1e-9), nn.BatchNorm1d(4)])
def test_a_hidden_module_in_training_mode_is_refused(exported: Any, part: nn.Module) -> None:
    with pytest.raises(ExportError, match=r"held\[0\].*eval\(\) does not reach it"):
        exported(Hides([part]), X)


def test_a_registered_module_that_a_list_holds_as_well_is_none_that_is_hidden(exported: Any) -> None:
    module = Hides([nn.Linear(4, 4)])
    module.part = module.held[0]
    assert not exported(module, X).findings


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm", "prune"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_weight_that_a_norm_computes_for_each_call_is_no_state(exported: Any, norm: str) -> None:
    layer = nn.Linear(4, 4)
    if norm == "prune":
        prune.l1_unstructured(layer, "weight", amount=0.5)
    else:
        getattr(torch.nn.utils, norm)(layer)
    with torch.no_grad():  # as an optimizer does, after which forward has not run
        next(layer.parameters()).add_(1)
        layer.get_parameter("weight_g" if norm == "weight_norm" else "weight_orig").add_(1)
    made = exported(nn.Sequential(layer), torch.rand(2, 4))
    assert made.ok, made
    assert not made.findings
