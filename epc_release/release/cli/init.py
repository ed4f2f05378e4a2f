"""``init``: a folder to start from, with settings, a policy to change and keys."""

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
CELL_KEY_FILE = "epc-release-cell.key"
KEY_BYTES = 32
PACKAGED = ("code list", "p-table")  # come with the program
_IGNORED = f"{KEY_FILE}\n{CELL_KEY_FILE}\nepc-release-signing.key\nepc-release-state/\nreleases/\n"


@click.command(
    short_help="A commented release.toml, a policy and keys to start from.",
    epilog="Next: epc-release synth extract, then epc-release plan --source extract",
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.option("--register", default="epc", show_default=True, help="Which register this is.")
def init(folder: Path, register: str) -> None:
    """Write release.toml, policy.toml with all that it uses and new keys (mode 0600) into DIR.

    Nothing is overwritten.

    \b
    Example:
      epc-release init my-register
    """
    for path, content, mode in planned(folder, register):
        write_new(path, content, mode)
        result(f"{path}")
    result(
        "\nTo use the keys:\n"
        f"  export EPC_RELEASE_KEY_FILE={(folder / KEY_FILE).absolute()}\n"
        f"  export EPC_RELEASE_CELL_KEY_FILE={(folder / CELL_KEY_FILE).absolute()}\n"
        "Keep them: with another key the same certificate gets another pseudonym, and the key of\n"
        "protected tables may never change."
    )


def planned(folder: Path, register: str) -> list[tuple[Path, str, int]]:
    """The files that ``init`` writes: path, content, mode. Raises ReleaseError E109."""
    from epc_release.anonymise.policy import load_policy, policy_names, policy_path
    from epc_release.schemas.load import load_register

    known = load_register(register)
    default, names = known.default_policy, policy_names(register)
    source = policy_path(default, known)
    template = resources.files("epc_release.release.cli").joinpath("templates", "release.toml")
    settings = template.read_text(encoding="utf-8").format(
        register=register, policy=default, policies=", ".join(names)
    )
    copies = [(source, "policy.toml"), (source.parent / "tests" / source.name, "tests/policy.toml")]
    used = load_policy(default, known).used
    copies += [(source.parent / u.name, u.name) for u in used if u.kind not in PACKAGED]
    found = [
        (folder / "release.toml", settings, 0o644),
        *((folder / to, each.read_text("utf-8"), 0o644) for each, to in copies if each.is_file()),
        (folder / ".gitignore", _IGNORED, 0o644),
        (folder / KEY_FILE, new_key() + "\n", 0o600),
        (folder / CELL_KEY_FILE, new_key() + "\n", 0o600),
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
