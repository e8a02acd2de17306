"""A zoo of models: plain PyTorch modules of many kinds, made with fixed seeds and saved as TorchScript files.

Each carries its config and two golden samples. What a kind is there for stands beside it, in the module that
makes it.
"""

from . import dense, language, sequences, tokens, vision  # noqa: F401 (each adds its models)
from .recipe import ZooEntry, build, names

__all__ = ["ZooEntry", "build", "names"]
