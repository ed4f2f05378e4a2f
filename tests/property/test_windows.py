"""Windows: whatever is held at a time, each row comes once, in order, and is seen once."""

from __future__ import annotations

import tempfile
from itertools import accumulate, pairwise
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from epc_release.release.settle import Piece
from epc_release.release.spill import write_spill
from epc_release.release.windows import Windows


@st.composite
def tasks(draw: st.DrawFn) -> tuple[list[int], list[int], list[int], list[int], int]:
    """Rows of each piece, the order, rows beside it, lengths of blocks, and the window."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    positions = draw(st.permutations(range(sum(lengths))))
    split = draw(st.integers(0, len(positions)))
    order, left = positions[:split], positions[split:]
    beside = sorted(draw(st.sets(st.sampled_from(left)))) if left else []
    blocks: list[int] = []
    while sum(blocks) < len(order):
        blocks.append(draw(st.integers(1, len(order) - sum(blocks))))
    return lengths, order, beside, blocks, draw(st.integers(1, 40))


@given(tasks())
def test_every_row_comes_once_and_in_order(
    task: tuple[list[int], list[int], list[int], list[int], int],
) -> None:
    lengths, order, beside, blocks, size = task
    with tempfile.TemporaryDirectory() as folder:
        pieces = _pieces(Path(folder), lengths)
        seen: list[tuple[int, int]] = []
        held: list[int] = []

        def look(rows: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
            held.append(len(rows))
            seen.extend(zip(rows["number"], positions, strict=True))
            return rows.with_columns(changed=pl.col("number") + 1)

        spans = list(pairwise(accumulate(blocks, initial=0)))
        windows = Windows(
            pieces,
            pl.Series(order, dtype=pl.UInt32),
            spans,
            size,
            look,
            pl.Series(beside, dtype=pl.UInt32),
        )
        blocks_found = [windows.block(*span) for span in spans]
        found = [block["number"].to_list() for block in blocks_found]
        assert all((b["changed"] == b["number"] + 1).all() for b in blocks_found)
        assert [number for block in found for number in block] == order
        assert sorted(seen) == [(number, number) for number in sorted(order)]
        assert all(rows <= max(size, *blocks) for rows in held)
        if beside:
            assert windows.aside()["number"].to_list() == beside


def _pieces(folder: Path, lengths: list[int]) -> list[Piece]:
    """Spills whose ``number`` is the position of the row in all of them joined."""
    pieces, first = [], 0
    for chunk, length in enumerate(lengths):
        rows = pl.DataFrame(
            {
                "label": ["before", *["mine"] * length],
                "number": [-1, *range(first, first + length)],
                "text": pl.Series([f"text {n % 3}" for n in range(length + 1)]).cast(
                    pl.Categorical if chunk % 2 else pl.String
                ),
            }
        )
        made = write_spill(folder / str(chunk), rows, "label")
        place = made.places["mine"]
        pieces.append(Piece(made.path, place.start, place.stop, chunk))
        first += length
    return pieces
