"""``scripts/crashes``: builds that are killed with SIGKILL and continued until they come to an end.

Each round kills one build again and again: at every step of its journal in turn, or at random
times. The release of each must equal that of a build that nobody disturbed, byte for byte.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "epc_release.release.cli"]
DYING = [sys.executable, str(ROOT / "tests" / "e2e" / "dying.py")]
LONGEST = 12.0  # seconds until a build is killed at random


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at least so many")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--policy", default="deidentified")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    names = ("EPC_RELEASE_KEY", "EPC_RELEASE_CELL_KEY")
    keys = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in names}
    os.environ.update(keys, PYTHONPATH=str(ROOT))
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        source = at / "extract"
        made = [*PROGRAM, "synth", str(source), "--rows", str(given.rows)]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        expected = finished(at / "plain", source, given.policy)
        kills = rounds = 0
        while kills < given.kills:
            rounds += 1
            kills += disturbed(at / "killed", source, given.policy, rounds, chance)
            found = digest(at / "killed" / "out" / "t1")
            if found != expected:
                sys.exit(f"round {rounds}: the release is another one")
            shutil.rmtree(at / "killed")
            print(f"{kills} kills, {rounds} builds continued to the same bytes", flush=True)


def disturbed(at: Path, source: Path, policy: str, number: int, chance: random.Random) -> int:
    """Continue a build until it ends; how often it was killed.

    Odd rounds kill at random times, even ones at the next step of the journal each time.
    """
    kills = 0
    while True:
        step = 0 if number % 2 else 1 + chance.randrange(2)
        process = subprocess.Popen(
            [*DYING, str(step), *command(at, source, policy)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not step:
            end = time.monotonic() + chance.uniform(0.5, LONGEST)
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
        _, said = process.communicate()
        if process.returncode == 0:
            return kills
        if process.returncode != -signal.SIGKILL:
            sys.exit(f"exit {process.returncode} instead of a release:\n{said}")
        kills += 1


def finished(at: Path, source: Path, policy: str) -> str:
    """The digest of an undisturbed release."""
    subprocess.run([*PROGRAM, *command(at, source, policy)], check=True, stdout=subprocess.DEVNULL)
    return digest(at / "out" / "t1")


def command(at: Path, source: Path, policy: str) -> list[str]:
    places = ("--out", str(at / "out"), "--state", str(at / "state"))
    listed = ("--suppressions", str(source / "suppressions.csv"))
    what = ("--source", str(source), "--policy", policy, "--release", "t1")
    return ["build", "--resume", "--jobs", "2", *what, *listed, *places]


def digest(release: Path) -> str:
    """Of the names and bytes of all files."""
    found = hashlib.sha256()
    for path in sorted(p for p in release.rglob("*") if p.is_file()):
        found.update(f"{path.relative_to(release)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


if __name__ == "__main__":
    main()
