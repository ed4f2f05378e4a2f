"""A small register of two tables, and ways to write and read sources of it."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.source import (
    Chunk,
    Inventory,
    RawTable,
    chunks,
    discover,
    read_chunk,
)
from epc_release.schemas.register import Register, Table, TableDialect
from epc_release.schemas.table import TableSchema

Rows = list[dict[str, str]]


def _table(name: str, columns: Sequence[str], parent: str | None = None) -> Table:
    fields = [{"name": column, "type": "string"} for column in columns]
    return Table(
        name=name,
        schema=TableSchema({"fields": fields, "primaryKey": columns[0]}),
        key=(columns[0],),
        partition=columns[-1],
        year=None,
        sort=(columns[0],),
        archive="homes",
        member=name,
        parent=parent,
    )


def _dialect(table: str, columns: Sequence[str]) -> TableDialect:
    spellings = {column.upper(): column for column in columns}
    return TableDialect("plain", table, spellings, frozenset(), frozenset(), {}, ())


def make_register(**tables: Sequence[str]) -> Register:
    """A register with these tables (names with ``-`` for ``_``) and their columns."""
    named = {name.replace("_", "-"): columns for name, columns in tables.items()}
    return Register(
        name="trial",
        title="A register for trials",
        tables=tuple(_table(name, columns) for name, columns in named.items()),
        dialects=tuple(_dialect(name, columns) for name, columns in named.items()),
        default_policy="none",
        timezone="Europe/London",
        geography_vintage="2026",
        codelists={},
        licences=(),
        sources=(),
        contributors=(),
        homepage="https://example.org",
    )


@pytest.fixture(scope="session")
def register() -> Register:
    return make_register(homes=("id", "name", "city"), visits=("id", "day", "note", "by"))


@pytest.fixture(scope="session")
def register_of() -> Callable[..., Register]:
    return make_register


class Source:
    """A folder to write sources into, and to read them from."""

    def __init__(self, root: Path, register: Register) -> None:
        self.root = root / "in"
        self.work = root / "work"
        self.register = register
        self.root.mkdir()
        self.work.mkdir()

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def zip(self, name: str, members: dict[str, bytes | str], **options: int) -> Path:
        path = self.write(name, b"")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content, **options)
        return path

    def gz(self, name: str, content: bytes | str) -> Path:
        raw = content.encode() if isinstance(content, str) else content
        return self.write(name, gzip.compress(raw))

    def discover(self, *sources: Path | str, encoding: str | None = None) -> Inventory:
        given = [str(source) for source in sources] or [str(self.root)]
        return discover(given, self.register, encoding=encoding)

    def read(
        self, *sources: Path | str, encoding: str | None = None, chunk_bytes: int = 1 << 20
    ) -> list[tuple[Chunk, RawTable]]:
        """All chunks of all parts, read and discarded; nothing may be left in ``work``."""
        found = self.discover(*sources, encoding=encoding)
        result = []
        for chunk in chunks(found.parts, work=self.work, chunk_bytes=chunk_bytes):
            assert len(list(self.work.iterdir())) <= 1
            result.append((chunk, read_chunk(chunk)))
            chunk.discard()
        assert not list(self.work.iterdir())
        return result

    def rows(self, *sources: Path | str, **options: object) -> Rows:
        read = self.read(*sources, **options)  # type: ignore[arg-type]
        return [row for _, raw in read for row in raw.table.to_pylist()]


@pytest.fixture
def source(tmp_path: Path, register: Register) -> Source:
    return Source(tmp_path, register)


@pytest.fixture
def fails() -> Callable[[str], FailsWith]:
    return FailsWith


class FailsWith:
    """Expects one error of the catalogue; keeps its message, which must come out whole."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.text = ""
        self.error: ReleaseError | None = None

    def __enter__(self) -> FailsWith:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ReleaseError):
            assert error is None, f"{error!r} instead of {self.code}"
            pytest.fail(f"{self.code} was not raised")
        self.error, self.text = error, str(error)
        assert error.problem.code == self.code, self.text
        return True
