"""What a measuring found: as data, and as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from epc_release.anonymise.risk import Summary

_WIDTH = 26
_LINES = {
    "k": "smallest class",
    "k_rows": "smallest class, in rows",
    "l": "fewest distinct values in a class",
    "entropy_l": "least exp(entropy) of a class",
    "alpha": "greatest share of one value in a class",
    "t": "greatest distance of a class from the whole",
    "beta": "greatest relative gain of a value",
    "enhanced_beta": "the same, at most -ln of the rarest value's share",
    "delta": "greatest |ln| of a value's gain or loss",
    "uniques": "classes of one",
    "rows_below_k": "rows in classes smaller than {threshold}",
    "classes_below_k": "classes smaller than {threshold}",
    "largest_class": "largest class, in rows",
    "expected_reidentifications": "found by somebody who links all: one a class",
    "prosecutor_risk": "chance to find a target known to be here, at worst",
    "marketer_risk": "share found by somebody who links all",
}


@dataclass(frozen=True)
class RiskReport:
    """``worst``: the worst partition's ``value`` and own counts; ``ordered``: by distance."""

    files: tuple[str, ...]
    keys: tuple[str, ...]
    unit: str | None
    ordered: tuple[str, ...]
    summary: Summary
    partition: str | None = None
    worst: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The contract's measures first, then what they were measured on."""
        return {
            **self.summary.measures(),
            "worst_partition": None if self.worst is None else dict(self.worst),
            "keys": list(self.keys),
            "unit": self.unit,
            "partition": self.partition,
            "ordered": list(self.ordered),
            "files": list(self.files),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        found = self.summary.measures()
        units = f", {found['units']:,} of {self.unit} and class" if self.unit else ""
        classes = f"{found['classes']:,} classes over {', '.join(self.keys)}"
        yield f"{found['rows']:,} rows{units}, {classes}"
        yield f"A class counts {'distinct ' + self.unit if self.unit else 'rows'}."
        for name, meaning in _LINES.items():
            if found[name] is not None and (name != "k_rows" or self.unit):
                yield _line(name, found[name], meaning.format(**found))
        yield ""
        yield f"{'size of class':>{_WIDTH}}  {'classes':>14}  {'rows':>14}"
        for size in found["sizes"]:
            yield f"{size['size']:>{_WIDTH}}  {size['classes']:>14,}  {size['rows']:>14,}"
        if len(found["sensitive"]) > 1:
            for column, measures in found["sensitive"].items():
                yield from ("", f"{column}:")
                yield from (_line(n, v, "") for n, v in measures.items() if v is not None)
        if self.worst is not None:
            yield ""
            told = self.worst["value"] if self.worst["value"] is not None else "(missing)"
            yield f"Worst of {self.worst['partitions']:,} by {self.partition}: {told}"
            for name in ("rows", "classes", "k", "uniques", "rows_below_k"):
                yield _line(name, self.worst[name], "")


def _line(name: str, value: float, meaning: str) -> str:
    told = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    return f"{name:>{_WIDTH}}  {told:>14}  {meaning}".rstrip()
