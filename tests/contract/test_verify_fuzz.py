"""A forged release never breaks ``verify``: whatever a byte is changed to, it reports."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest

from epc_release.manifests.verify import verify


def reseal_file(folder: Path, path: str) -> None:
    """Make descriptor and checksums agree with one changed file."""
    data = (folder / path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    descriptor = folder / "datapackage.json"
    if path != descriptor.name:
        told = json.loads(descriptor.read_text("utf-8"))
        for resource in told["resources"]:
            for file in resource.get("files", [resource]):
                if file["path"] == path:
                    file |= {"bytes": len(data), "hash": f"sha256:{digest}"}
        descriptor.write_text(json.dumps(told), "utf-8")
    changed = {path: digest, descriptor.name: hashlib.sha256(descriptor.read_bytes()).hexdigest()}
    lines = [
        line.split("  ", 1) for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    ]
    text = "".join(f"{changed.get(name, told)}  {name}\n" for told, name in lines)
    (folder / "SHA256SUMS").write_text(text, "utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "parquet/homes/local_authority=E06000001/part-0.parquet",
        "parquet/advice/local_authority=W06000001/part-0.parquet",
        "csv/home-2020.zip",
        "csv/home-all.zip",
        "datapackage.json",
        "ledger.json",
    ],
)
@pytest.mark.parametrize("seed", range(12))
def test_a_changed_byte_never_breaks_it(
    small_release: Path, tmp_path: Path, path: str, seed: int
) -> None:
    chance = random.Random(f"{path}-{seed}")
    folder = tmp_path / "forged"
    shutil.copytree(small_release, folder)
    data = bytearray((folder / path).read_bytes())
    for _ in range(chance.choice([1, 1, 2, 8])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    if chance.random() < 0.2:
        del data[chance.randrange(len(data)) :]
    (folder / path).write_bytes(data)
    assert not verify(folder).ok or data == (small_release / path).read_bytes()
    reseal_file(folder, path) if path != "datapackage.json" else None
    str(verify(folder, deep=True))
