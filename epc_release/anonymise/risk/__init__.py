"""Disclosure risk: exact measures of equivalence classes, which add up over disjoint classes.

An equivalence class is all records alike in the keys; a null in a key is a value of its own, and so
is a null sensitive value. Nothing is hashed: no two classes are ever taken for one.

The way, where each part (a partition) fits in memory and no class crosses parts::

    cells = tabulate(frame, keys, sensitive=["rating"], unit="uprn")
    whole = merge(whole, marginal(cells))        # of all parts, before t, beta and delta
    found = found + summarise(cells, whole, k=5) # begins as Summary(5); Summary.measures() -> dict
    broken = violations(cells, k=5, sensitive=key_set.sensitive, marginals=whole)
    rows = broken["any"].to_numpy()[cells.of_row]      # True: the row stands in such a class

- ``tabulate(frame, keys, sensitive=(), unit=None) -> Cells``: classes are numbered from 0;
  ``cells.rows``, ``cells.units`` (distinct units; all rows without one count as one),
  ``cells.first`` (a row of each class) and ``cells.of_row`` (class of each row) are int64 arrays.
- ``sizes(frame, keys)``: rows of each class and nothing else.
- ``marginal(cells) -> {column: Marginal}``, added up with ``merge`` (or ``+`` column by column).
- ``summarise(cells, marginals=None, *, k=5, ordered=()) -> Summary``; without a marginal ``t``,
  beta and delta are None. ``Summary.__add__`` needs the same ``k``, and the same marginals.
- ``by_class(cells, marginals=None, *, ordered=()) -> DataFrame`` and
  ``violations(cells, *, k, sensitive=(), marginals=None) -> DataFrame`` have a row per class.

Measures: ``k`` (smallest class, in units), distinct ``l``, ``entropy_l`` (exp of the entropy, as it
is: pyCANON rounds it down), ``alpha`` (greatest share), ``t`` (total variation; earth mover's for
``ordered`` values), ``beta`` (greatest relative gain; ``enhanced_beta``: at most -ln of the rarest
value's share, as pyCANON has it), ``delta`` (greatest |ln| of the ratio of shares).
"""

from epc_release.anonymise.risk.cells import Cells, Runs, sizes, tabulate
from epc_release.anonymise.risk.judge import by_class, summarise, violations
from epc_release.anonymise.risk.marginals import Marginal, marginal, merge
from epc_release.anonymise.risk.summary import Summary, Worst

__all__ = [
    "Cells",
    "Marginal",
    "Runs",
    "Summary",
    "Worst",
    "by_class",
    "marginal",
    "merge",
    "sizes",
    "summarise",
    "tabulate",
    "violations",
]
