"""What a file says that it is: the name and version of its own config."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from .errors import ExportError


def _config(file: Path) -> dict[str, Any]:
    """Empty: it carries none, or is no file that could."""
    try:
        beside = file.with_name(file.name + ".config.json")
        if beside.is_file():
            read = json.loads(beside.read_text(encoding="utf-8"))
        elif file.suffix == ".onnx":
            import onnx

            from .onnx_model import CONFIG_PROPERTY

            properties = onnx.load(str(file), load_external_data=False).metadata_props
            read = json.loads(next((each.value for each in properties if each.key == CONFIG_PROPERTY), "{}"))
        else:
            with zipfile.ZipFile(file) as archive:
                names = [name for name in archive.namelist() if name.endswith("/extra/config.json")]
                read = json.loads(archive.read(names[0])) if names else {}
    except Exception:
        return {}  # the daemon says why it is none
    return read if isinstance(read, dict) else {}


def identity_of(file: Path, name: str | None, version: str | None) -> tuple[str, str]:
    """Name and version, as the file's config says. What is given as well has to agree.

    Raises:
      ExportError: they differ, or neither the file nor the caller says.
    """
    config = _config(file)
    found = []
    for what, given in (("name", name), ("version", version)):
        own = config.get(what)
        if given is not None and own is not None and given != own:
            raise ExportError(
                f"{file.name} is {what} {own!r} by its own config, but {given!r} was given; "
                f"leave out the {what}, or export it again"
            )
        if given is None and own is None:
            raise ExportError(f"{file.name} carries no {what}; give it by --{what}")
        found.append(str(own if given is None else given))
    return found[0], found[1]
