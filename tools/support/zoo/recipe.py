"""How a model of the zoo is described, made and saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modeld_client import golden_sample

SEED = 20
VERSION = "1.0"


@dataclass(frozen=True)
class Sample:
    """A call of a method, of which the answer becomes a golden sample."""

    inputs: dict[str, Any]
    method: str = "forward"
    # The outputs that are the same each time; empty: all.
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """What is saved."""

    module: torch.jit.ScriptModule
    inputs: list[dict[str, Any]]  # the config's
    samples: list[Sample]
    execution: dict[str, Any] = field(default_factory=dict)  # the config's


@dataclass(frozen=True)
class Recipe:
    name: str
    description: str
    make: Callable[[bool], Model]


@dataclass(frozen=True)
class ZooEntry:
    """A saved model; its name is that of the model in its config, too."""

    name: str
    path: Path
    description: str


_recipes: dict[str, Recipe] = {}


def recipe(description: str) -> Callable[[Callable[[bool], Model]], Callable[[bool], Model]]:
    """Puts a function that makes a model, small or as large as it is in use, into the zoo by its name."""

    def add(make: Callable[[bool], Model]) -> Callable[[bool], Model]:
        name = make.__name__.replace("_", "-")
        _recipes[name] = Recipe(name, description, make)
        return make

    return add


def tensor(name: str, dtype: str, *shape: int) -> dict[str, Any]:
    """A declared input."""
    return {"name": name, "dtype": dtype, "shape": list(shape)}


def script(module: nn.Module) -> torch.jit.ScriptModule:
    return torch.jit.script(module.eval())


def trace(module: nn.Module, *example: Tensor) -> torch.jit.ScriptModule:
    # Without gradients: parts of PyTorch compute otherwise where there may be some.
    with torch.no_grad():
        return torch.jit.trace(module.eval(), example)


def settle(module: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Gives a net of convolutions weights and statistics like those of a trained one.

    With the weights and the running statistics that layers begin with, numbers vanish or explode with depth,
    and a wrong layer may not show.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # the mean over all batches
    module.train()
    with torch.no_grad():
        for batch in batches:
            module(batch)
    return module.eval()


def named_outputs(answer: Any) -> dict[str, Any]:
    """As the daemon calls what a method returns, where the config says nothing of it."""
    if isinstance(answer, dict):
        return answer
    if isinstance(answer, tuple):
        return {f"output_{index}": item for index, item in enumerate(answer)}
    return {"output": answer}


def names() -> list[str]:
    """Of all models of the zoo."""
    return list(_recipes)


def build(
    directory: Path,
    only: Sequence[str] | None = None,
    *,
    small: bool = False,
    execution: dict[str, Any] | None = None,
) -> list[ZooEntry]:
    """Makes the models of those names, or all, and saves each in the directory.

    The same call gives the same models. Small ones have the same layers, fewer of them and on less data.
    `execution` takes the place of what their configs say of it.
    """
    unknown = set(only or ()) - set(_recipes)
    if unknown:
        raise ValueError(f"no such models: {', '.join(sorted(unknown))}; there are {', '.join(_recipes)}")
    directory.mkdir(parents=True, exist_ok=True)
    return [_save(directory, _recipes[name], small, execution) for name in (only or _recipes)]


def _save(directory: Path, recipe: Recipe, small: bool, execution: dict[str, Any] | None) -> ZooEntry:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = recipe.make(small)
        config = {
            "name": recipe.name,
            "version": VERSION,
            "description": recipe.description,
            "inputs": model.inputs,
            "execution": model.execution if execution is None else execution,
        }
        files: dict[str, Any] = {"config.json": json.dumps(config)}
        path = directory / f"{recipe.name}.pt"
        torch.jit.save(model.module, str(path), _extra_files=files)
        for number, sample in enumerate(model.samples):
            # Anew from the file: a request begins with the state that was saved.
            files[f"golden/{number}"] = _golden(torch.jit.load(str(path)), sample)
        torch.jit.save(model.module, str(path), _extra_files=files)
    return ZooEntry(recipe.name, path, recipe.description)


def _golden(module: torch.jit.ScriptModule, sample: Sample) -> bytes:
    # Copies, for a module may write its input.
    copies = {k: v.clone() if isinstance(v, Tensor) else v for k, v in sample.inputs.items()}
    with torch.inference_mode():
        outputs = named_outputs(getattr(module, sample.method)(**copies))
    kept = {name: outputs[name] for name in sample.outputs or outputs}
    return golden_sample(sample.inputs, kept, "" if sample.method == "forward" else sample.method)
