"""From settings to words and weights, and from these to a table of ranks.

A table of ranks holds ``SLOTS`` codes in order of the distribution (its quantiles): a draw is one
look-up, and two columns that share a latent rank rise and fall together. Faults take their share
of the slots.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from epc_release.release.synth.cells import words as word_list
from epc_release.release.synth.entropy import SLOTS, Codes
from epc_release.release.synth.spec import Shares

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class RankTable:
    """Words, and for each case ``SLOTS`` codes of them, one case after the other."""

    words: pl.Series
    slots: Codes


@dataclass(frozen=True)
class Overlay:
    """Texts that take the place of some cells: (text or None, share), and styles of writing."""

    texts: Shares = ()
    variants: tuple[tuple[str, float], ...] = ()


def parts_of(settings: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The named lists that placeholders stand for; a mapping is a range of numbers."""
    return {
        name: tuple(_range(entry)) if isinstance(entry, Mapping) else tuple(map(str, entry))
        for name, entry in settings.items()
    }


def weighted(
    entries: Sequence[Any], parts: Mapping[str, tuple[str, ...]], default: Sequence[Any] = ()
) -> tuple[list[str | None], list[float]]:
    """Texts and weights of ``values`` settings: texts or (text, weight) pairs.

    ``{name}`` stands for each of the part's texts, which share the weight; ``*`` for the whole
    default; empty text for an empty cell.
    """
    texts: list[str | None] = []
    weights: list[float] = []
    for entry in entries:
        text, weight = (entry, 1.0) if isinstance(entry, str) else entry
        if text == "*":
            found, shares = weighted(default, parts)
            scale = float(weight) / sum(shares)
            texts += found
            weights += [share * scale for share in shares]
            continue
        expanded = list(_expanded(str(text), parts))
        texts += [one or None for one in expanded]
        weights += [float(weight) / len(expanded)] * len(expanded)
    return texts, weights


def value_table(texts: Sequence[str | None], weights: Sequence[float]) -> RankTable:
    """A table over texts in the order given."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    middles = (np.arange(SLOTS) + 0.5) * (edges[-1] / SLOTS)
    slots = np.minimum(np.searchsorted(edges, middles), len(edges) - 1)
    return RankTable(word_list(texts), slots.astype(np.uint32))


def number_table(settings: Mapping[str, float]) -> RankTable:
    """A table over numbers, rising: log-normal by ``median`` and ``sigma``, normal by ``mean`` and
    ``sd``, else even between ``low`` and ``high``; with ``decimals``, within ``minimum`` and
    ``maximum``. Trailing zeros are not written.
    """
    numbers = np.clip(
        _quantiles(settings),
        settings.get("minimum", -math.inf),
        settings.get("maximum", math.inf),
    )
    decimals = int(settings.get("decimals", 0))
    found, codes = np.unique(np.round(numbers, decimals) + 0.0, return_inverse=True)
    texts = [f"{number:.{decimals}f}" for number in found]
    if decimals:
        texts = [text.rstrip("0").rstrip(".") for text in texts]
    return RankTable(word_list(texts), codes.astype(np.uint32))


def overlaid(tables: Sequence[RankTable], overlay: Overlay, rng: np.random.Generator) -> RankTable:
    """The cases' tables as one, with the overlay in its share of the slots of each."""
    words = pl.concat([table.words for table in tables])
    offsets = np.cumsum([0, *(len(table.words) for table in tables)])
    slots = np.concatenate([t.slots + np.uint32(o) for t, o in zip(tables, offsets, strict=False)])
    blocks = slots.reshape(len(tables), SLOTS)
    for style, share in overlay.variants:
        varied = word_list([_varied(text, style) for text in words[: int(offsets[-1])]])
        shift = np.uint32(len(words))
        words = pl.concat([words, varied])
        for block in blocks:
            chosen = rng.choice(SLOTS, _slots(share), replace=False)
            base = block[chosen] < offsets[-1]
            block[chosen[base]] += shift
    for code, (_, share) in enumerate(overlay.texts, start=len(words)):
        for block in blocks:
            block[rng.choice(SLOTS, _slots(share), replace=False)] = code
    return RankTable(
        pl.concat([words, word_list([text for text, _ in overlay.texts])]), blocks.reshape(-1)
    )


def _slots(share: float) -> int:
    return max(1, round(share * SLOTS)) if share else 0


def _varied(text: str | None, style: str) -> str | None:
    if text is None:
        return None
    match style:
        case "float":
            return text if "." in text else f"{text}.0"
        case "upper":
            return text.upper()
        case "lower":
            return text.lower()
        case "spaces":
            return text.replace(" ", "  ", 1) if " " in text else f"{text} "
        case "remnant":
            return f'{{"value": "{text}", "language": "1"}}'
    return text


def _expanded(text: str, parts: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    names = _PLACEHOLDER.findall(text)
    pieces = _PLACEHOLDER.split(text)[::2]
    for chosen in itertools.product(*(list(_part(name, parts)) for name in names)):
        yield "".join(itertools.chain(*itertools.zip_longest(pieces, chosen, fillvalue="")))


def _part(name: str, parts: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for text in parts[name]:
        yield from _expanded(text, parts)


def _range(entry: Mapping[str, Any]) -> Iterator[str]:
    step, decimals = entry.get("step", 1), int(entry.get("decimals", 0))
    count = round((entry["to"] - entry["from"]) / step) + 1
    width = int(entry.get("width", 0))
    for i in range(count):
        yield f"{entry['from'] + i * step:0{width}.{decimals}f}"


@cache
def _normal() -> npt.NDArray[np.float64]:
    inverse = NormalDist().inv_cdf
    return np.array([inverse((i + 0.5) / SLOTS) for i in range(SLOTS)])


def _quantiles(settings: Mapping[str, float]) -> npt.NDArray[np.float64]:
    if "median" in settings:
        return np.asarray(settings["median"] * np.exp(settings["sigma"] * _normal()))
    if "mean" in settings:
        return settings["mean"] + settings["sd"] * _normal()
    even = (np.arange(SLOTS) + 0.5) / SLOTS
    return settings["low"] + (settings["high"] - settings["low"]) * even
