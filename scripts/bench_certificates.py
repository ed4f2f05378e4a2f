"""Certificates to measure: columns that are skewed and hang together, as a register's do.

A place has its kinds of buildings and its years, a kind has its sizes, an age its fuel and rating.
Independent columns would leave nearly every record alone in its class, which is no picture of a
register.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

KEYS = (
    "local_authority",
    "lodgement_year",
    "property_type",
    "construction_age_band",
    "floor_area_band",
    "tenure",
    "main_fuel",
    "built_form",
)
SENSITIVE = "current_energy_rating"
UNIT = "uprn"
GROUP_ROWS = 1 << 20  # of a row group

Codes: TypeAlias = npt.NDArray[Any]

TYPES = ["House", "Flat", "Bungalow", "Maisonette", "Park home"]
FORMS = ["Semi-Detached", "Mid-Terrace", "Detached", "End-Terrace", "Enclosed Mid-Terrace", None]
AGES = [
    *("before 1900", "1900-1929", "1930-1949", "1950-1966", "1967-1975", "1976-1982"),
    *("1983-1990", "1991-1995", "1996-2002", "2003-2006", "2007-2011", "2012 onwards", None),
]
AREAS = [f"{low}-{low + 19} m2" for low in range(0, 400, 20)]
TENURES = ["Owner-occupied", "Rented (private)", "Rented (social)", "Not defined", None]
FUELS = [
    *("mains gas (not community)", "electricity (not community)", "oil (not community)"),
    *("mains gas (community)", "LPG (not community)", "wood logs", "dual fuel", "coal", None),
]
RATINGS = ["A", "B", "C", "D", "E", "F", "G"]
AUTHORITIES = [f"E0{6 + i % 4}{i:06}" for i in range(340)]
YEARS = list(range(2008, 2026))


def write_certificates(at: Path, rows: int) -> Path:
    """A Parquet file of so many rows: ``KEYS``, ``SENSITIVE`` and ``UNIT``; made where absent."""
    path = at / f"disclosure-{rows}-{_version()}.parquet"
    if path.is_file():
        return path
    partial = path.with_suffix(".partial")
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, GROUP_ROWS):
        table = _group(np.random.default_rng(start), min(GROUP_ROWS, rows - start))
        writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    partial.rename(path)
    return path


def _version() -> str:
    """Another file for another generator."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def _group(random: np.random.Generator, rows: int) -> pa.Table:
    place = np.minimum(random.zipf(1.15, rows) - 1, 10**6) % len(AUTHORITIES)
    urban = (place * 37 % 100) / 100  # each place its own
    year = np.minimum(random.beta(1.6 + urban, 1.4, rows) * len(YEARS), len(YEARS) - 1)
    kind = _pick(random, urban, [0.62, 0.18, 0.14, 0.03, 0.03], [0.3, 0.6, 0.03, 0.06, 0.01])
    age = np.clip(random.normal(3.5 + 3 * (kind == 1) + 2 * urban, 3), 0, len(AGES) - 2)
    age = np.where(random.random(rows) < 0.04, len(AGES) - 1, age).astype(int)
    size = np.clip(random.gamma(6, np.where(kind == 1, 0.5, 0.8)), 0, len(AREAS) - 1)
    tenure = _pick(random, kind == 1, [0.7, 0.16, 0.1, 0.02, 0.02], [0.3, 0.4, 0.25, 0.02, 0.03])
    gas = [0.8, 0.08, 0.06, 0.02, 0.02, 0.005, 0.005, 0.005, 0.005]
    fuel = _pick(random, 1 - urban, [0.75, 0.19, 0.005, 0.04, *[0.003] * 5], gas)
    flats = [0.1, 0.4, 0.1, 0.15, 0.15, 0.1]
    form = _pick(random, kind == 1, [0.38, 0.28, 0.2, 0.1, 0.02, 0.02], flats)
    rating = np.clip(random.normal(4.2 - age / 5 + 0.8 * (fuel == 1), 0.9), 0, len(RATINGS) - 1)
    columns = {
        KEYS[0]: _text(AUTHORITIES, place),
        KEYS[1]: pa.array(np.array(YEARS, np.int32)[year.astype(int)]),
        KEYS[2]: _text(TYPES, kind),
        KEYS[3]: _text(AGES, age),
        KEYS[4]: _text(AREAS, size),
        KEYS[5]: _text(TENURES, tenure),
        KEYS[6]: _text(FUELS, fuel),
        KEYS[7]: _text(FORMS, form),
        SENSITIVE: _text(RATINGS, rating),
        UNIT: pa.array(100_000_000 + random.integers(0, 20_000_000, rows)),
    }
    return pa.table(columns)


def _pick(random: np.random.Generator, mix: Codes, one: list[float], other: list[float]) -> Codes:
    """Codes drawn from ``other`` with probability ``mix``, else from ``one``."""
    shares = [np.cumsum(each) / sum(each) for each in (one, other)]
    drawn = random.random(len(mix))
    codes = [np.searchsorted(each, drawn) for each in shares]
    found: Codes = np.where(random.random(len(mix)) < mix, codes[1], codes[0])
    return found


def _text(values: list[Any], codes: Codes) -> Any:
    whole = codes.astype(np.int32)
    return pa.DictionaryArray.from_arrays(whole, pa.array(values, pa.string())).cast(pa.string())
