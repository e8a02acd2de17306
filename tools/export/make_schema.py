"""Writes model_config.schema.json, the JSON schema of config.json, from proto/modeld/v1/model_config.proto.

`make_schema.py` writes it; `make_schema.py --check` says whether it is current. Needs grpcio-tools.
"""

from __future__ import annotations

import importlib.resources
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parents[1] / "proto"
TARGET = HERE / "src" / "modeld_export" / "model_config.schema.json"
FILE = "modeld/v1/model_config.proto"

Field = descriptor_pb2.FieldDescriptorProto
# proto3's JSON form: https://protobuf.dev/programming-guides/json/.
INTEGER = {Field.TYPE_INT32, Field.TYPE_INT64}
SCALARS: dict[int, dict[str, Any]] = {
    Field.TYPE_STRING: {"type": "string"},
    Field.TYPE_BOOL: {"type": "boolean"},
    Field.TYPE_DOUBLE: {"type": "number"},
    Field.TYPE_INT32: {"type": "integer"},
    Field.TYPE_INT64: {"type": "integer"},
}


def described() -> descriptor_pb2.FileDescriptorProto:
    """The file with its comments."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "set"
        arguments = [
            "protoc",
            f"-I{PROTO}",
            f"-I{well_known}",
            "--include_source_info",
            f"--descriptor_set_out={out}",
            FILE,
        ]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed; its messages stand above")
        (file,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return file


def comments(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }


def make() -> dict[str, Any]:
    file = described()
    texts = comments(file)
    messages = {f".{file.package}.{message.name}": index for index, message in enumerate(file.message_type)}

    def type_of(field: descriptor_pb2.FieldDescriptorProto) -> dict[str, Any]:
        if field.type != Field.TYPE_MESSAGE:
            return dict(SCALARS[field.type])
        if field.type_name == ".google.protobuf.Struct":
            return {"type": "object"}
        return {"$ref": f"#/$defs/{field.type_name.rsplit('.', 1)[1]}"}

    def map_entry(message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto) -> Any:
        for nested in message.nested_type:
            if nested.options.map_entry and field.type_name.endswith(f".{nested.name}"):
                return nested
        return None

    def schema_of(index: int) -> dict[str, Any]:
        message = file.message_type[index]
        properties: dict[str, Any] = {}
        for number, field in enumerate(message.field):
            entry = map_entry(message, field)
            if entry is not None:
                schema: dict[str, Any] = {"type": "object", "additionalProperties": type_of(entry.field[1])}
            elif field.label == Field.LABEL_REPEATED:
                schema = {"type": "array", "items": type_of(field)}
            else:
                schema = type_of(field)
            text = texts.get((4, index, 2, number))
            if text:
                schema["description"] = text
            properties[field.name] = schema
        result: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        if (4, index) in texts:
            result = {"description": texts[(4, index)], **result}
        return result

    root = schema_of(messages[f".{file.package}.ModelConfig"])
    # The user's own keys are kept as metadata.
    root["additionalProperties"] = True
    root["required"] = ["version"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "modeld config.json",
        **root,
        "$defs": {
            name.rsplit(".", 1)[1]: schema_of(index)
            for name, index in messages.items()
            if not name.endswith(".ModelConfig")
        },
    }


def main() -> int:
    text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET.name} is not what {FILE} says; run {Path(__file__).name}", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
