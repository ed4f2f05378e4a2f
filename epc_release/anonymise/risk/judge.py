"""From cells to answers: a summary of all classes, their measures, and which break a limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from epc_release.anonymise.keysets import Sensitive
from epc_release.anonymise.risk.cells import Cells
from epc_release.anonymise.risk.codes import Numbers
from epc_release.anonymise.risk.marginals import Marginal
from epc_release.anonymise.risk.measures import Closeness, Diversity, closeness
from epc_release.anonymise.risk.summary import Summary, Worst

_ROUNDING = 1e-9  # relative; what sums of logarithms and shares may be off


def summarise(
    cells: Cells,
    marginals: Mapping[str, Marginal] | None = None,
    *,
    k: int = 5,
    ordered: Collection[str] = (),
) -> Summary:
    """The summary of these classes; ``t``, beta and delta only for columns with a marginal.

    ``ordered`` names the sensitive columns of which ``t`` is the earth mover's distance.
    """
    worst = {}
    for name, runs in cells.runs.items():
        whole = (marginals or {}).get(name)
        outside = None if whole is None else _closeness(cells, name, whole, name in ordered)
        worst[name] = Worst.of(Diversity(runs), outside, None if whole is None else whole.n)
    return Summary.of(cells.rows, cells.units, k, worst)


def by_class(
    cells: Cells,
    marginals: Mapping[str, Marginal] | None = None,
    *,
    ordered: Collection[str] = (),
) -> pl.DataFrame:
    """One row per class, in the order of their numbers.

    Columns: ``rows`` and ``units`` (Int64), and by sensitive column ``COLUMN.l`` (Int64),
    ``COLUMN.entropy_l`` and ``COLUMN.alpha`` (Float64), and ``COLUMN.t`` where it has a marginal.
    """
    found: dict[str, np.ndarray] = {"rows": cells.rows, "units": cells.units}
    for name, runs in cells.runs.items():
        inside = Diversity(runs)
        found[f"{name}.l"] = inside.l
        found[f"{name}.entropy_l"] = inside.entropy_l
        found[f"{name}.alpha"] = inside.alpha
        if marginals is not None and name in marginals:
            found[f"{name}.t"] = _closeness(cells, name, marginals[name], name in ordered).t
    return pl.DataFrame(found)


def violations(
    cells: Cells,
    *,
    k: int,
    sensitive: Iterable[Sensitive] = (),
    marginals: Mapping[str, Marginal] | None = None,
) -> pl.DataFrame:
    """Which classes break a limit: one row per class, in the order of their numbers.

    Columns (Boolean): ``k`` (fewer units), ``COLUMN.l``, ``COLUMN.entropy_l``, ``COLUMN.alpha``,
    ``COLUMN.t`` for the limits that are set, and ``any``. ``cells`` must be tabulated with these
    sensitive columns; a limit on ``t`` needs the marginal (KeyError without). Rounding of the last
    digits breaks no limit.
    """
    broken = {"k": cells.units < k}
    least, most = 1 - _ROUNDING, 1 + _ROUNDING
    for each in sensitive:
        name, inside = each.column, Diversity(cells.runs[each.column])
        if each.l is not None:
            broken[f"{name}.l"] = inside.l < each.l * least
        if each.entropy_l is not None:
            broken[f"{name}.entropy_l"] = inside.entropy_l < each.entropy_l * least
        if each.alpha is not None:
            broken[f"{name}.alpha"] = inside.alpha > each.alpha * most
        if each.t is not None:
            outside = _closeness(cells, name, (marginals or {})[name], each.ordered)
            broken[f"{name}.t"] = outside.t > each.t * most
    return pl.DataFrame({**broken, "any": np.any(list(broken.values()), axis=0)})


def _closeness(cells: Cells, name: str, whole: Marginal, ordered: bool) -> Closeness:
    """The same cells with their values' places in the whole table as ranks: the order is kept."""
    runs = cells.runs[name]
    places: Numbers = whole.places(cells.values[name])
    return closeness(replace(runs, ranks=places[runs.ranks]), whole.n, ordered=ordered)
