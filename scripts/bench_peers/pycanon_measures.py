"""pyCANON's measures, run by the interpreter of .venv-oracles; JSON goes to standard output.

``FILE KEYS`` (a CSV; columns joined by commas): k, and the CPU seconds that this alone takes once
the file is in memory. Without arguments: tables on standard input, ``[{"columns": {name: values},
"keys": [...], "sensitive": [...]}]``, and the measures of each.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pandas as pd
from pycanon import anonymity


def smallest(path: str, keys: list[str]) -> dict[str, float]:
    """k and its seconds; a missing value becomes a text, because pandas would drop the row."""
    frame = pd.read_csv(path, usecols=keys, dtype=str, keep_default_na=False)
    anonymity.k_anonymity(frame[:1000], keys)
    started = time.process_time()
    k = int(anonymity.k_anonymity(frame, keys))
    return {"k": k, "seconds": time.process_time() - started}


def measures(table: dict[str, Any]) -> dict[str, float]:
    """All measures that we have as well, by our names."""
    frame = pd.DataFrame(table["columns"])
    given = (frame, table["keys"], table["sensitive"])
    alpha, k = anonymity.alpha_k_anonymity(*given)
    return {
        "k": int(k),
        "alpha": float(alpha),
        "l": int(anonymity.l_diversity(*given)),
        "entropy_l": float(anonymity.entropy_l_diversity(*given)),
        "t": float(anonymity.t_closeness(*given)),
        "beta": float(anonymity.basic_beta_likeness(*given)),
        "enhanced_beta": float(anonymity.enhanced_beta_likeness(*given)),
        "delta": float(anonymity.delta_disclosure(*given)),
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(smallest(sys.argv[1], sys.argv[2].split(","))))
    else:
        print(json.dumps([measures(table) for table in json.load(sys.stdin)]))
