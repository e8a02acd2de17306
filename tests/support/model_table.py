"""The table of the models that tests serve; make_models.py writes them."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

# By name, which is also the file's: what makes the module. A module that is not scripted yet will be.
MODELS: dict[str, Callable[[], nn.Module]] = {}

Builder = TypeVar("Builder", bound=Callable[[], nn.Module])


def model(name: str) -> Callable[[Builder], Builder]:
    """Adds a module's class, or a function that makes a module, to the table."""

    def add_to_table(builder: Builder) -> Builder:
        MODELS[name] = builder
        return builder

    return add_to_table
