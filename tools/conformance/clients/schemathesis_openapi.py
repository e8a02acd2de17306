"""schemathesis: whether the served OpenAPI description is true."""
# requires: schemathesis==4.32.5
# quick

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "negative_data_rejection",
)
# Of all names that a model may have, those that there are.
KNOWN = {"model": ["echo", "classify"], "version": ["1"], "label": ["live"]}
# 501 is how what the daemon does not do is refused, and no failure of its.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "501"]
"""


def description(url):
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        document = json.load(answer)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if "pattern" in parameter["schema"]:  # a name that is looked up
                    parameter["schema"] = {"enum": KNOWN[parameter["name"]]}
    inputs = document["components"]["schemas"]["InferInput"]["properties"]
    inputs["name"] = {"enum": ["x"]}
    inputs["datatype"] = {"enum": ["FP32", "INT64", "BOOL", "BYTES"]}
    return document


def main():
    url = f"http://{os.environ['MODELD_HTTP']}"
    with tempfile.TemporaryDirectory() as directory:  # it keeps a cache where it runs
        path = Path(directory) / "openapi.json"
        path.write_text(json.dumps(description(url)))
        (Path(directory) / "schemathesis.toml").write_text(CONFIG)
        command = [str(Path(sys.prefix) / "bin" / "schemathesis"), "run", str(path), "--url", url]
        options = ["--checks", ",".join(CHECKS), "--phases=examples,coverage,fuzzing"]
        options += ["--max-examples=30", "--seed=1", "--no-color"]
        subprocess.run([*command, *options], cwd=directory, check=True)


main()
