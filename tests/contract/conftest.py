"""A small release of a made-up register, written and described by the package's own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from epc_release.manifests.columns import arrow_schema
from epc_release.manifests.describe import describe
from epc_release.manifests.facts import (
    ArchiveFacts,
    Issue,
    PolicyFacts,
    ReleaseFacts,
    TableFacts,
    TableLedger,
)
from epc_release.manifests.layout import part_path, year_label
from epc_release.manifests.licence import licence_text
from epc_release.release.write.archives import TableCsv, plan_archives, write_archive
from epc_release.release.write.fragments import Run, compress_partitions
from epc_release.release.write.parquet import open_part, to_arrow
from epc_release.schemas.register import CodeList, Register, Table
from epc_release.schemas.table import TableSchema

HOMES = TableSchema(
    {
        "name": "homes",
        "version": "1",
        "fields": [
            {"name": "number", "type": "string", "description": "Its key."},
            {"name": "local_authority", "type": "string"},
            {"name": "lodged", "type": "date", "constraints": {"required": True}},
            {"name": "seen", "type": "datetime"},
            {"name": "score", "type": "integer", "constraints": {"minimum": 0}},
            {"name": "area", "type": "number", "unit": "m2"},
            {"name": "mains_gas", "type": "boolean"},
            {"name": "rating", "type": "string", "constraints": {"enum": ["A", "B", "C"]}},
            {"name": "address", "type": "string", "licence": "LicenseRef-addresses"},
        ],
        "primaryKey": ["number"],
    }
)
ADVICE = TableSchema(
    {
        "fields": [
            {"name": "number", "type": "string"},
            {"name": "item", "type": "integer"},
            {"name": "text", "type": "string"},
            {"name": "local_authority", "type": "string"},
        ],
        "primaryKey": ["number", "item"],
        "foreignKeys": [
            {"fields": ["number"], "reference": {"resource": "homes", "fields": ["number"]}}
        ],
    }
)
REGISTER = Register(
    name="homes",
    title="Homes register",
    tables=(
        Table("homes", HOMES, ("number",), "local_authority", "lodged", (), "home", "certificates"),
        Table(
            "advice",
            ADVICE,
            ("number",),
            "local_authority",
            None,
            (),
            "home",
            "recommendations",
            parent="homes",
        ),
    ),
    dialects=(),
    default_policy="open",
    timezone="Europe/London",
    geography_vintage="2024",
    codelists={
        "local_authority": CodeList(
            "local-authorities",
            {"E06000001": "Hartlepool", "W06000001": "Isle of Anglesey"},
            {"E06000001": "E06000001-Hartlepool", "W06000001": "W06000001-Isle-of-Anglesey"},
            {},
        )
    },
    licences=(
        {
            "name": "OGL-UK-3.0",
            "title": "Open Government Licence v3.0",
            "path": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
        },
        {"name": "LicenseRef-addresses", "title": "Address terms", "notice": "Copyright notice."},
    ),
    sources=({"title": "The register's extract"},),
    contributors=({"title": "A ministry"},),
    homepage="https://example.org/homes",
)
POLICY = PolicyFacts(
    name="open",
    title="Every home",
    description="Records with addresses: they are personal data.",
    sha256="0" * 64,
    access="registered",
    reasons={"country": "out-of-scope", "opt-out": "withheld"},
)
PARTITIONS = ("E06000001", "W06000001", None)


def homes(rows: int = 60) -> pl.DataFrame:
    """Homes of three partitions and years, with every type, missing values and awkward texts."""
    numbers = range(rows)
    texts = ["1 High Street", 'The "Old" Mill, Low Road', None, "Tŷ Gwyn", "=1+1", " "]
    return pl.DataFrame(
        {
            "number": [f"{n:04d}" for n in numbers],
            "local_authority": [PARTITIONS[n % 3] for n in numbers],
            "lodged": [date(2019, 1, 1) + timedelta(days=17 * n) for n in numbers],
            "seen": [datetime(2020, 1, 1, 1, 2, n % 60) if n % 4 else None for n in numbers],
            "score": [n if n % 5 else None for n in numbers],
            "area": [n / 3 if n % 2 else (float(n) if n % 6 else None) for n in numbers],
            "mains_gas": [None if n % 7 == 0 else n % 2 == 0 for n in numbers],
            "rating": [("A", "B", "C", None)[n % 4] for n in numbers],
            "address": [texts[n % 6] for n in numbers],
        },
        schema_overrides={"area": pl.Float64},
    ).with_columns(pl.col("rating").cast(pl.Categorical))


def advice(parents: pl.DataFrame) -> pl.DataFrame:
    """Two pieces of advice for every third home; those without authority get none."""
    chosen = parents.filter(pl.col("local_authority").is_not_null()).gather_every(3)
    return pl.DataFrame(
        [
            {"number": number, "item": item, "text": f"Insulate, step {item}", **place}
            for number, authority, lodged in chosen.select(
                "number", "local_authority", "lodged"
            ).iter_rows()
            for place in ({"local_authority": authority, "__year": str(lodged.year)},)
            for item in (1, 2)
        ]
    )


@dataclass(frozen=True)
class Shape:
    """What a policy may drop: partition column, year column, the child's reference."""

    partition: str | None = "local_authority"
    year: str | None = "lodged"
    referring: bool = True


def write_table(
    root: Path,
    store: Path,
    name: str,
    frame: pl.DataFrame,
    shape: Shape,
    inherited: tuple[str, ...] = (),
) -> tuple[TableFacts, TableCsv]:
    """Write a table's parts and fragments."""
    table = REGISTER.table(name)
    schema = table.schema
    if not shape.referring:
        told = {k: v for k, v in schema.descriptor.items() if k != "foreignKeys"}
        schema = TableSchema(told)
    names = tuple(column for column in schema.names if column not in inherited)
    frame = placed(frame, shape).sort("__place", "__year", *schema.primary_key, nulls_last=True)
    with store.open("wb") as sink:
        csvs = compress_partitions([frame], names, runs(frame), sink, store=str(store))
    target, start, parts = arrow_schema(schema), 0, []
    for csv in csvs:
        path = part_path(name, shape.partition, csv.value)
        rows = to_arrow(frame.slice(start, csv.rows), target)
        with open_part(root, path, rows.schema) as part:
            part.write(rows)
        parts.append(part.facts(csv.content_sha256))
        start += csv.rows
    facts = TableFacts(
        name,
        schema,
        TableLedger(read=frame.height + 7, published=frame.height, excluded={"opt-out": 7}),
        tuple(parts),
        (Issue(name, schema.names[-1], "max-length", "error", 3),),
        inherited,
        shape.partition,
        shape.year,
    )
    return facts, TableCsv(table, names, tuple(csvs), shape.partition, shape.year)


def placed(frame: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """With the partition and the year that each row is written to."""
    if shape.year is None:
        year = pl.lit("unknown")
    elif "__year" in frame.columns:
        year = pl.col("__year")
    else:
        year = year_label("lodged", frame.schema["lodged"])
    place = pl.lit(None, pl.String) if shape.partition is None else pl.col(shape.partition)
    return frame.with_columns(year.alias("__year"), place.alias("__place"))


def runs(frame: pl.DataFrame) -> list[Run]:
    """The years of each partition of a sorted frame."""
    found: list[Run] = []
    for row, (value, year) in enumerate(frame.select("__place", "__year").iter_rows()):
        if found and (found[-1].value, found[-1].year) == (value, year):
            found[-1] = replace(found[-1], stop=row + 1)
        else:
            found.append(Run(value, year, row, row + 1))
    return found


Build = Callable[..., ReleaseFacts]


@pytest.fixture
def build_release(tmp_path: Path) -> Build:
    """A function that writes a release into a folder and gives its facts."""

    def build(
        folder: Path,
        parents: pl.DataFrame | None = None,
        children: pl.DataFrame | None = None,
        **dropped: Any,
    ) -> ReleaseFacts:
        shape = Shape(**dropped)
        parents = homes() if parents is None else parents
        children = advice(parents) if children is None else children
        store = tmp_path / f"store-{folder.name}"
        store.mkdir()
        first, first_csv = write_table(folder, store / "1", "homes", parents, shape)
        second, second_csv = write_table(
            folder, store / "2", "advice", children, shape, ("local_authority",)
        )
        schemas = {table.name: table.schema for table in (first, second)}
        plan = plan_archives(
            REGISTER, (first_csv, second_csv), licence_text(REGISTER, POLICY, schemas)
        )
        archives: tuple[ArchiveFacts, ...] = tuple(write_archive(folder, a) for a in plan)
        facts = ReleaseFacts(
            register=REGISTER,
            release="2024-01-31",
            cutoff=datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC),
            policy=POLICY,
            tables=(first, second),
            archives=archives,
            screened_upstream=(),
            version="0.0.0",
            synthetic=True,
        )
        describe(facts, folder)
        return facts

    return build


@pytest.fixture
def small_release(tmp_path: Path, build_release: Build) -> Path:
    """A sound release in a folder of its own."""
    folder = tmp_path / "2024-01-31"
    build_release(folder)
    return folder


@pytest.fixture
def small_homes() -> Callable[..., pl.DataFrame]:
    """The homes of the small release."""
    return homes


@pytest.fixture
def small_advice() -> Callable[..., pl.DataFrame]:
    """The advice on some homes."""
    return advice
