"""What levels cost, as a plot (SVG): cells starred against rows dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epc_release.anonymise.explore.lattice import Point
from epc_release.anonymise.keysets import KeySet
from epc_release.errors import ReleaseError


def plot(points: Sequence[Point], key_set: KeySet, path: Path) -> None:
    """Write the plot; the same points give the same bytes.

    Each point is a combination of levels, the larger the more classes it tells apart; those within
    the ceilings have a thick rim. Raises E196 where matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise ReleaseError("E196") from None
    most = max(point.classes for point in points)
    with mpl.rc_context({"svg.hashsalt": key_set.id, "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot()
        axes.scatter(
            [100 * point.starred for point in points],
            [100 * point.dropped for point in points],
            s=[20 + 200 * point.classes / most for point in points],
            c=[sum(point.heights) for point in points],
            cmap="cividis",
            edgecolors="black",
            linewidths=[2 if point.within(key_set) else 0.5 for point in points],
        )
        axes.axvline(100 * key_set.max_cells, linestyle="--", color="black", linewidth=0.8)
        axes.axhline(100 * key_set.max_rows, linestyle="--", color="black", linewidth=0.8)
        axes.set_xlabel("cells made missing, % of those that may be")
        axes.set_ylabel("records dropped, %")
        axes.set_title(f"{key_set.id}: k = {key_set.k}; dashed: ceilings; lighter: coarser")
        figure.savefig(path, format="svg", metadata={"Date": None})
