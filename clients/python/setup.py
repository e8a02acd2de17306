"""Generates the messages of modeld.v1 at build time; everything else stands in pyproject.toml.

The generated modules go into the private package `modeld_client._proto`, so that no top-level package
`modeld` appears in the user's environment.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import re
import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "src" / "modeld_client" / "_proto"


def proto_root() -> Path:
    """The sdist's own copy of the definitions, else the repository's."""
    carried = HERE / "proto"
    return carried if carried.is_dir() else HERE.parents[1] / "proto"


def proto_files() -> list[Path]:
    files = sorted((proto_root() / "modeld" / "v1").glob("*.proto"))
    if not files:
        raise FileNotFoundError(f"no .proto files below {proto_root()}; build from a checkout or an sdist")
    return files


def generate() -> None:
    from grpc_tools import protoc

    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as out:
        includes = [f"-I{proto_root()}", f"-I{well_known}"]
        outputs = [f"--python_out={out}", f"--pyi_out={out}"]
        if protoc.main(["protoc", *includes, *outputs, *map(str, proto_files())]) != 0:
            raise RuntimeError("protoc failed; its messages stand above")
        for module in sorted((Path(out) / "modeld" / "v1").iterdir()):
            text = re.sub(r"(?m)^from modeld\.v1 import ", "from . import ", module.read_text())
            (GENERATED / module.name).write_text(text)


def protobuf_requirement() -> str:
    """Generated code needs a runtime no older than its compiler: the bound that the compiler itself has."""
    for requirement in importlib.metadata.requires("grpcio-tools") or []:
        if re.match(r"protobuf\b", requirement):
            return requirement
    raise RuntimeError("grpcio-tools names no protobuf requirement")


class BuildWithMessages(build_py):
    def run(self) -> None:
        generate()
        super().run()


class SdistWithProtos(sdist):
    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        target = Path(base_dir) / "proto" / "modeld" / "v1"
        target.mkdir(parents=True, exist_ok=True)
        for path in proto_files():
            shutil.copy2(path, target)


setup(
    cmdclass={"build_py": BuildWithMessages, "sdist": SdistWithProtos},
    install_requires=["grpcio>=1.49", "grpcio-health-checking>=1.49", "numpy>=1.22", protobuf_requirement()],
)
