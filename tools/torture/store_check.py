"""What a killed daemon left behind, checked from outside: by SQLite's and hashlib's own lights."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Move:
    """A recorded decision that moved live, or confirmed it."""

    id: int
    action: str
    model: str
    to_version: str
    reason: str


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """The database while its daemon runs: what is committed and synced, and nothing that is on its way."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        yield connection


@contextmanager
def copy_of(database: Path) -> Iterator[sqlite3.Connection]:
    """The database as it lies there, its log included, without touching it: reading recovers a log."""
    with tempfile.TemporaryDirectory(prefix="modeld-torture-db-") as directory:
        copy = Path(directory) / database.name
        # Not the -shm file: it is made anew from the log, as after a loss of power.
        for suffix in ("", "-wal"):
            source = database.with_name(database.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as connection:
            yield connection


def check_integrity(connection: sqlite3.Connection) -> list[str]:
    faults = [f"integrity_check: {line}" for (line,) in connection.execute("PRAGMA integrity_check")]
    if faults == ["integrity_check: ok"]:
        faults = []
    return faults + [f"foreign_key_check: {row}" for row in connection.execute("PRAGMA foreign_key_check")]


def moves(connection: sqlite3.Connection) -> list[Move]:
    """All that moved live, oldest first."""
    rows = connection.execute(
        "SELECT id, action, model, to_version, reason FROM events WHERE to_version <> '' ORDER BY id"
    )
    return [Move(*row) for row in rows]


def live_versions(connection: sqlite3.Connection) -> dict[str, str]:
    """Live by model, as the live history has it."""
    rows = connection.execute("SELECT model, version FROM live_history ORDER BY model, position")
    return dict(rows.fetchall())


def unverified(connection: sqlite3.Connection) -> list[str]:
    """Versions that were made live or given a label or traffic without having passed a probe."""
    rows = connection.execute(
        """
        WITH used (model, version) AS (
          SELECT model, version FROM live_history UNION SELECT model, version FROM labels
          UNION SELECT model, version FROM traffic)
        SELECT used.model, used.version FROM used LEFT JOIN probes USING (model, version)
        WHERE probes.passed IS NOT 1
        """
    )
    return [f"{model} {version}" for model, version in rows]


class ArtifactCheck:
    """Whether every artifact that the database needs lies in the store, whole. Remembers what was hashed."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._hashed: set[tuple[str, int, int, int]] = set()

    def place(self, sha256: str) -> Path:
        return self._store / "sha256" / sha256[:2] / sha256

    def check(self, connection: sqlite3.Connection) -> list[str]:
        faults = []
        needed = connection.execute("SELECT sha256, size_bytes FROM artifacts WHERE removed_at_ns IS NULL")
        for sha256, size in needed:
            path = self.place(sha256)
            try:
                stat = path.stat()
            except FileNotFoundError:
                faults.append(f"artifact {sha256[:12]} is missing")
                continue
            seen = (sha256, stat.st_size, stat.st_ino, stat.st_ctime_ns)
            if stat.st_size != size:
                faults.append(f"artifact {sha256[:12]} has {stat.st_size} bytes instead of {size}")
            elif seen not in self._hashed and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                faults.append(f"artifact {sha256[:12]} is damaged")
            else:
                self._hashed.add(seen)
        return faults

    def unregistered(self, connection: sqlite3.Connection) -> int:
        """Artifacts in their place that no row knows: the kill came between the two."""
        known = {sha256 for (sha256,) in connection.execute("SELECT sha256 FROM artifacts")}
        return sum(path.name not in known for path in (self._store / "sha256").glob("*/*"))
