"""modeld-export: the command line. PyTorch is imported by the commands that need it."""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engines import EngineResult
    from .result import Export

OK, REFUSED, USAGE = 0, 1, 2
INTERRUPTED, TERMINATED = 130, 143  # as shells say of SIGINT and SIGTERM


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what is unfinished is cleaned up as after Ctrl-C."""


def _terminate(signum: int, _: Any) -> None:
    signal.signal(signum, signal.SIG_IGN)  # timeout(1) sends it twice, and cleaning up goes on
    raise _Terminated


@contextmanager
def _cleaning_up() -> Iterator[None]:
    """SIGTERM is an interrupt. Only a main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _whole(text: str) -> int:
    """1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}, expected seconds, more than 0")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modeld-export",
        description="Export PyTorch modules for modeld, and find out before a drop what it would say. "
        "Exit status: 0 all is well; 1 an artifact is refused, by its comparison (run), the daemon's probe "
        "(check), or the daemon (push: it is quarantined, or its version has other bytes); 2 it was asked "
        "for what cannot be, or a push did not come to an end; 130 and 143 it was interrupted.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="export what a recipe says, and compare it with the module")
    run.add_argument("recipe", type=Path, help="a Python file whose recipe() returns a modeld_export.Recipe")
    run.add_argument("--directory", type=Path, default=Path(), help="where the artifacts go (default: here)")
    run.add_argument("--report", type=Path, help="write report.md and report.html into this directory")
    run.add_argument("--engines", action="store_true", help="measure the engines that run the artifacts")
    run.add_argument("--threads", type=_whole, default=1, help="of each run that is measured (default: 1)")
    run.set_defaults(act=_run)

    check = commands.add_parser("check", help="try a file as the daemon would, by its own probe")
    check.add_argument("file", type=Path)
    check.add_argument("--modeld", help="the daemon's program (default: $MODELD_BIN, else by PATH)")
    check.add_argument("--timeout-s", type=_whole, default=300, help="of the probe (default: 300)")
    check.add_argument("--json", action="store_true", help="print the daemon's report as it is")
    check.set_defaults(act=_check)

    push = commands.add_parser("push", help="drop a file, and wait until its version is live")
    push.add_argument("file", type=Path)
    push.add_argument("--models", type=Path, required=True, help="the daemon's drop directory")
    push.add_argument("--address", default="127.0.0.1:8500", help="of the daemon (default: 127.0.0.1:8500)")
    push.add_argument("--name", help="of the model (default: as the file says)")
    push.add_argument("--version", help="of the model (default: as the file says)")
    push.add_argument(
        "--timeout-s", type=_seconds, default=300.0, help="until it has to be live (default: 300)"
    )
    push.set_defaults(act=_push)

    schema = commands.add_parser("schema", help="print the JSON schema of config.json, for editors")
    schema.set_defaults(act=_schema)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    from .errors import ExportError, RefusedError

    parsed = _parser().parse_args(arguments)
    try:
        with _cleaning_up():
            status: int = parsed.act(parsed)
            sys.stdout.flush()
    except ExportError as error:
        print(f"modeld-export: {error}", file=sys.stderr)
        return REFUSED if isinstance(error, RefusedError) else USAGE
    except BrokenPipeError:  # head(1) has read enough; Python would say it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt as error:
        print("modeld-export: interrupted; what was not finished is not written", file=sys.stderr)
        return TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
    return status


def _run(arguments: argparse.Namespace) -> int:
    from .calls import bind
    from .checks import check_directory
    from .engines import compare_engines
    from .errors import cannot_write
    from .exporter import export
    from .recipe import load_recipe
    from .report import as_text

    if arguments.report is not None:
        check_directory(arguments.report)  # before minutes of exporting
    recipe = load_recipe(arguments.recipe)
    exported = export(**recipe.arguments(), directory=arguments.directory)
    engines: Sequence[EngineResult] = ()
    if arguments.engines:
        paths = [artifact.path for artifact in exported.artifacts if artifact.path is not None]
        engines = compare_engines(
            paths, bind(recipe.module, recipe.example_inputs), threads=arguments.threads
        )
    print(as_text(exported, engines), end="")
    if arguments.report is not None:
        try:
            _write_report(arguments.report, exported, engines)
        except OSError as error:
            raise cannot_write(arguments.report, error) from error
    if any(finding.kind == "disk" for artifact in exported.artifacts for finding in artifact.findings):
        return USAGE
    return OK if exported.ok else REFUSED


def _write_report(directory: Path, exported: Export, engines: Sequence[EngineResult]) -> None:
    from . import plots
    from .report import as_html, as_markdown

    drawn = [plots.errors(exported), *([plots.engines(engines)] if engines else [])]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.md").write_text(as_markdown(exported, engines), encoding="utf-8")
    (directory / "report.html").write_text(as_html(exported, engines, drawn), encoding="utf-8")


def _check(arguments: argparse.Namespace) -> int:
    from .daemon import check

    report = check(arguments.file, modeld=arguments.modeld, timeout_s=arguments.timeout_s)
    print(json.dumps(report.report, indent=2) + "\n" if arguments.json else report.as_text(), end="")
    return OK if report.passed else REFUSED


def _push(arguments: argparse.Namespace) -> int:
    from .daemon import push

    live = push(
        arguments.file,
        arguments.models,
        name=arguments.name,
        version=arguments.version,
        address=arguments.address,
        timeout_s=arguments.timeout_s,
    )
    print(f"{live} is live")
    return OK


def _schema(_: argparse.Namespace) -> int:
    from .config import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return OK


if __name__ == "__main__":
    sys.exit(main())
