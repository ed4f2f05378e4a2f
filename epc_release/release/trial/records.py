"""Records of an extract, conformed and screened one by one, for trials of a policy.

Keys are not settled, children are not joined to their parents, and nobody is opted out but by the
extract's own flag: a trial publishes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import polars as pl

from epc_release.anonymise.policy import Policy
from epc_release.anonymise.screen import Bound, ScreenContext
from epc_release.release.conform.cells import conform
from epc_release.release.context import bind_header
from epc_release.release.source import Part, chunks, read_chunk
from epc_release.schemas.register import Register

CHUNK_BYTES = 16 << 20


def screened(
    policy: Policy,
    register: Register,
    parts: Sequence[Part],
    context: ScreenContext,
    columns: Collection[str] = (),
    rows: int | None = None,
) -> Iterator[tuple[Bound, pl.DataFrame, pl.Series]]:
    """Conformed records of one table and their decisions (0: stays), chunk by chunk.

    Only ``columns`` and those that screening needs, where some are named; the first ``rows``
    records. Raises what reading a source raises (E2xx).
    """
    schema = register.table(parts[0].table).schema
    with tempfile.TemporaryDirectory(prefix="epc-release-policy-") as work:
        for chunk in chunks(parts, work=Path(work), chunk_bytes=CHUNK_BYTES, limit=rows):
            match = chunk.part.match
            bound = bind_header(policy, register, match, sites=False)
            wanted = {*columns, *bound.screen_inputs} if columns else set(schema.names)
            names = tuple(name for name in schema.names if name in wanted)
            raw = read_chunk(chunk, match.dialect.sources(names)).table
            file, zone = chunk.part.name, register.timezone
            cells = conform(raw, schema, match.dialect, names, zone, file).frame
            yield bound, cells, bound.screen(cells, context)
            chunk.discard()
