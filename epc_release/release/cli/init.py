"""``init``: a folder to start from, with settings, a policy to change and a key."""

from __future__ import annotations

import base64
import os
import secrets
from importlib import resources
from pathlib import Path

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.output import result

KEY_FILE = "epc-release.key"
KEY_BYTES = 32
_IGNORED = f"{KEY_FILE}\nepc-release-state/\nreleases/\n"


@click.command(
    short_help="A commented release.toml, a policy and a key to start from.",
    epilog="Next: epc-release synth extract, then epc-release plan --source extract",
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--register", default="epc", show_default=True, help="Which register this is.")
def init(folder: Path, register: str) -> None:
    """Write release.toml, policy.toml and a new key (mode 0600) into DIR; nothing is overwritten.

    \b
    Example:
      epc-release init my-register
    """
    for path, content, mode in planned(folder, register):
        write_new(path, content, mode)
        result(f"{path}")
    result(
        f"\nTo use the key: export EPC_RELEASE_KEY_FILE={(folder / KEY_FILE).absolute()}\n"
        "Keep it: with another key the same certificate gets another pseudonym."
    )


def planned(folder: Path, register: str) -> list[tuple[Path, str, int]]:
    """The files that ``init`` writes: path, content, mode. Raises ReleaseError E109."""
    from epc_release.schemas.load import load_register

    default = load_register(register).default_policy
    policies = resources.files("epc_release.anonymise").joinpath("policies", register)
    names = sorted(
        file.name.removesuffix(".toml")
        for file in policies.iterdir()
        if file.name.endswith(".toml")
    )
    template = resources.files("epc_release.release.cli").joinpath("templates", "release.toml")
    settings = template.read_text(encoding="utf-8").format(
        register=register, policy=default, policies=", ".join(names)
    )
    policy = policies.joinpath(f"{default}.toml").read_text(encoding="utf-8")
    found = [
        (folder / "release.toml", settings, 0o644),
        (folder / "policy.toml", policy, 0o644),
        (folder / ".gitignore", _IGNORED, 0o644),
        (folder / KEY_FILE, new_key() + "\n", 0o600),
    ]
    for path, _, _ in found:
        if path.exists():
            raise ReleaseError("E109", file=path)
    return found


def new_key() -> str:
    """A fresh random key, base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def write_new(path: Path, content: str, mode: int) -> None:
    """Create a file that must not exist, with its mode from the first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise ReleaseError("E109", file=path) from error
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(content)
