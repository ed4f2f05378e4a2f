"""``scripts/bench``: what a build costs, beside a plain DuckDB script and at several sizes.

CPU seconds are the figure to compare: they hardly depend on what else the machine does. Ratios are
taken pair by pair of alternating runs. Nothing here judges; the figures go to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import bench_check
import bench_disclosure
import measure
from bench_certificates import write_certificates

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "benchmarks"
PROGRAM = [sys.executable, "-m", "epc_release.release.cli"]
PEER = [sys.executable, str(ROOT / "scripts" / "bench_peers" / "duckdb_build.py")]
TABLE = "domestic-certificates"
CHECK = {"memory": "1GiB", "jobs": "1"}  # limits of a check where none are given
WITH_ERRORS = 3  # its exit code: a synthetic file has some of everything
MIB = 1024**2


def main() -> None:
    arguments = _arguments()
    arguments.at.mkdir(parents=True, exist_ok=True)
    arguments.run(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """``build``: ours and the peer's in turn, on the same file."""
    source = extract(arguments.at, arguments.rows)
    out = arguments.at / "out"
    commands = {
        "epc-release": build_command(source, out, arguments),
        "duckdb": [*PEER, str(source), str(out / "duckdb")],
    }
    warm(source)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(arguments.runs):
        for name, command in commands.items():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            found = measure.run(command, environment(arguments.at))
            runs[name].append({**asdict(found), "output": output_bytes(out)})
            tell(f"{name} {number + 1}", runs[name][-1])
    shutil.rmtree(out)
    ratios = {
        key: spread([a[key] / b[key] for a, b in zip(*runs.values(), strict=True)])
        for key in ("cpu", "wall", "peak", "output")
    }
    for key, ratio in ratios.items():
        figures = "  ".join(f"{name} {value}" for name, value in ratio.items())
        print(f"{key:>7} ratio epc-release / duckdb: {figures}")
    save("build", {"rows": arguments.rows, "runs": runs, "ratios": ratios})


def memory(arguments: argparse.Namespace) -> None:
    """``memory``: the peak of the process tree at several numbers of rows."""
    figures: dict[str, dict[str, float]] = {}
    for rows in arguments.rows:
        out = arguments.at / "out"
        shutil.rmtree(out, ignore_errors=True)
        source = extract(arguments.at, rows)
        found = measure.run(build_command(source, out, arguments), environment(arguments.at))
        figures[str(rows)] = {**asdict(found), "output": output_bytes(out)}
        tell(f"{rows} rows", figures[str(rows)])
        shutil.rmtree(out)
        if not arguments.keep:
            shutil.rmtree(source.parent)
    save("memory", {"runs": figures})


def check(arguments: argparse.Namespace) -> None:
    """``check``: ours and frictionless in turn, on the same file of certificates and schema."""
    source = extract(arguments.at, arguments.rows)
    schema = bench_check.write_schema(arguments.at)
    limits = [f"--{name}={getattr(arguments, name) or value}" for name, value in CHECK.items()]
    commands = {
        "epc-release": [*bench_check.OURS, str(source), "--schema", str(schema), *limits],
        "frictionless": [*bench_check.PEER, str(source), str(schema)],
    }
    warm(source)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(arguments.runs):
        for name, command in commands.items():
            found = measure.run(command, environment(arguments.at), accept=(0, WITH_ERRORS))
            speed = round(arguments.rows / found.cpu)
            runs[name].append({**asdict(found), "rows_per_cpu_second": speed})
            tell(f"{name} {number + 1}", asdict(found), f"{speed:,} rows per CPU second")
    key = "rows_per_cpu_second"
    ratios = spread([a[key] / b[key] for a, b in zip(*runs.values(), strict=True)])
    print(f"rows per CPU second, epc-release / frictionless: {ratios}")
    save("check", {"rows": arguments.rows, "runs": runs, "ratios": ratios})


def keys(arguments: argparse.Namespace) -> None:
    """``keys``: the peak of a check of so many unique keys, of which one stands twice."""
    figures: dict[str, dict[str, float]] = {}
    for rows in arguments.rows:
        source, schema = bench_check.write_keys(arguments.at, rows)
        limits = [f"--{name}={getattr(arguments, name) or value}" for name, value in CHECK.items()]
        command = [*bench_check.OURS, str(source), "--schema", str(schema), *limits]
        found = measure.run(command, environment(arguments.at), accept=(WITH_ERRORS,))
        figures[str(rows)] = asdict(found)
        tell(f"{rows} keys", asdict(found))
        source.unlink()
    save("keys", {"limits": limits, "runs": figures})


def disclosure(arguments: argparse.Namespace) -> None:
    """``disclosure``: k alone beside pyCANON, all measures beside DuckDB's k and l."""
    subprocess.run([ROOT / "scripts" / "oracles"], check=True)
    alone = bench_disclosure.k_alone(arguments.at, arguments.small, arguments.runs)
    print(f"k alone, CPU seconds, pycanon / epc-release: {spread(alone.ratios)}", flush=True)
    source = write_certificates(arguments.at, arguments.rows)
    warm(source)
    runs: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(arguments.runs):
        for label, commands in bench_disclosure.commands(source, arguments.memory).items():
            answers = set()
            for name, command in commands.items():
                found, answer = _answered(command, arguments.at)
                answers.add((answer["k"], answer["l"]))
                runs.setdefault(label, {}).setdefault(name, []).append(asdict(found))
                tell(f"{label} {name} {number + 1}", asdict(found))
            if len(answers) > 1:
                raise ValueError(f"k and l differ: {answers}")
    ratios = {
        label: {key: _ratios(both, key) for key in ("cpu", "wall")} for label, both in runs.items()
    }
    print(f"epc-release / duckdb: {ratios}", flush=True)
    taken = _suppression(arguments, source)
    rules = _rules(arguments)
    small = {"rows": arguments.small, "seconds": alone.seconds, "ratios": spread(alone.ratios)}
    whole = {"rows": arguments.rows, "runs": runs, "ratios": ratios}
    save("disclosure", {"k_alone": small, "measures": whole, "suppression": taken, "rules": rules})


def _suppression(arguments: argparse.Namespace, source: Path) -> dict[str, Any]:
    """Suppression beside all measures of the same records over the same keys, in turn."""
    found: dict[str, Any] = {}
    for limit in ("k", "k and l"):
        runs: list[dict[str, Any]] = []
        for number in range(arguments.runs):
            measures = bench_disclosure.commands(source, arguments.memory)["5 keys"]["epc-release"]
            measuring, _ = _answered(measures, arguments.at)
            command = bench_disclosure.suppression(source, bench_disclosure.FEW, limit)
            _, taken = _answered(command, arguments.at)
            runs.append({"measuring": asdict(measuring), "suppression": taken})
            print(f"  {limit} {number + 1}: {taken}; all measures {measuring.cpu:.1f} CPU s")
        ratios = spread([run["suppression"]["cpu"] / run["measuring"]["cpu"] for run in runs])
        print(f"suppression for {limit} / measuring, CPU seconds: {ratios}", flush=True)
        found[limit] = {"runs": runs, "ratios": ratios}
    return found


def _rules(arguments: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds of rules within a de-identified build, by the build's own profile."""
    source = extract(arguments.at, arguments.small)
    out = arguments.at / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = build_command(source, out, arguments, "deidentified")
    measure.run(command, environment(arguments.at))
    report = next((arguments.at / "state").glob("*/report.json"))
    profile = json.loads(report.read_text(encoding="utf-8"))["profile"]
    shutil.rmtree(out)
    spent = {n: cpu for n, cpu in profile["parts"].items() if n.startswith("rule ")}
    share = (spent["rule mask_text"] + spent["rule pseudonymise"]) / profile["cpu"]
    print(f"text masking and pseudonyms: {share:.3f} of a build's CPU seconds", flush=True)
    return {"rows": arguments.small, "cpu": profile["cpu"], "parts": spent, "share": share}


def _answered(command: list[str], at: Path) -> tuple[measure.Run, dict[str, Any]]:
    """A run, and the JSON object that it printed."""
    with tempfile.TemporaryFile() as printed:
        found = measure.run(command, environment(at), stdout=printed)
        printed.seek(0)
        return found, json.load(printed)


def _ratios(runs: dict[str, list[dict[str, float]]], key: str) -> dict[str, float]:
    pairs = zip(runs["epc-release"], runs["duckdb"], strict=True)
    return spread([ours[key] / theirs[key] for ours, theirs in pairs])


def extract(at: Path, rows: int) -> Path:
    """The synthetic extract of so many certificates (legacy dialect), made where it is absent."""
    folder = at / f"extract-{rows}"
    if not (folder / "extract.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        options = ["--rows", str(rows), "--dialect", "legacy", "--tables", TABLE]
        subprocess.run(
            [*PROGRAM, "synth", str(folder), *options], check=True, stdout=subprocess.DEVNULL
        )
    return folder / f"{TABLE}.csv"


def build_command(
    source: Path, out: Path, arguments: argparse.Namespace, policy: str = "address-level"
) -> list[str]:
    options = [
        *("--source", str(source), "--policy", policy, "--release", "bench"),
        *("--out", str(out / "releases"), "--state", str(arguments.at / "state")),
    ]
    for name in ("jobs", "memory"):
        if getattr(arguments, name) is not None:
            options += [f"--{name}", str(getattr(arguments, name))]
    return [*PROGRAM, "build", *options]


def environment(at: Path) -> dict[str, str]:
    """Ours with a throw-away key; every run starts with an empty state.

    Modules may be kept compiled, as those of an installed program are.
    """
    shutil.rmtree(at / "state", ignore_errors=True)
    names = ("EPC_RELEASE_KEY", "EPC_RELEASE_CELL_KEY")
    keys = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in names}
    left = ("EPC_RELEASE_", "PYTHONDONTWRITEBYTECODE")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(left)}
    return {**inherited, **keys, "PYTHONPATH": str(ROOT)}


def warm(source: Path) -> None:
    """Read a file once, so that the first run finds it where the others do."""
    with source.open("rb", buffering=0) as file:
        while file.read(MIB):
            pass


def output_bytes(out: Path) -> int:
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def spread(values: list[float]) -> dict[str, float]:
    return {
        "min": round(min(values), 3),
        "median": round(median(values), 3),
        "max": round(max(values), 3),
    }


def tell(name: str, figures: dict[str, float], more: str = "") -> None:
    output = f"output {figures['output'] / MIB:6.0f} MiB" if "output" in figures else ""
    print(
        f"{name:>16}: {figures['cpu']:7.1f} CPU s  {figures['wall']:7.1f} s"
        f"  peak {figures['peak'] / MIB:6.0f} MiB  {output}{more}",
        flush=True,
    )


def save(name: str, result: dict[str, object]) -> None:
    """Write the figures with what they were measured on."""
    measured_on = {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{p: version(p) for p in ("polars", "pyarrow", "duckdb", "frictionless", "zlib-ng")},
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"measured_on": measured_on, **result}, indent=2) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    runs = (
        *((compare, "build"), (memory, "memory"), (check, "check"), (keys, "keys")),
        (disclosure, "disclosure"),
    )
    for run, name in runs:
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--at", type=Path, default=ROOT / "bench-output", metavar="DIR")
        command.add_argument("--jobs", type=int)
        command.add_argument("--memory")
        if run is disclosure:
            command.add_argument("--small", type=int, default=1_000_000, help="rows of k alone")
            command.add_argument("--rows", type=int, default=15_000_000)
            command.add_argument("--runs", type=int, default=3)
        elif run is compare or run is check:
            command.add_argument("--rows", type=int, default=1_000_000)
            command.add_argument("--runs", type=int, default=3)
        elif run is keys:
            command.add_argument("--rows", type=int, nargs="+", default=[3_000_000, 30_000_000])
        else:
            command.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
            command.add_argument("--keep", action="store_true", help="keep the extracts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
