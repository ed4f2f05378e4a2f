"""``keygen``: a key that signs releases, and the public key that readers check them with."""

from __future__ import annotations

from pathlib import Path

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.init import write_new
from epc_release.release.cli.output import result

KEY_FILE = "epc-release-signing.key"


@click.command(
    short_help="Make a key that signs releases.",
    epilog="Next: publish the .pub file where your readers trust it",
)
@click.argument("file", metavar="[FILE]", default=KEY_FILE, type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Write a new Ed25519 key into FILE (mode 0600) and its public key into FILE.pub.

    The formats are those of minisign, which can sign and verify with them too. Nothing is
    overwritten. Whoever builds and whoever approves need a key each.

    \b
    Example:
      epc-release keygen epc-release-signing.key
    """
    from epc_release.release.signing import FILE_VARIABLE, new_key

    key, public = new_key(), file.with_name(f"{file.name}.pub")
    for path in (file, public):
        if path.exists():
            raise ReleaseError("E109", file=path)
    write_new(file, key.file(), 0o600)
    write_new(public, key.public.file(), 0o644)
    result(f"{file}\n{public}\n")
    result(f"Key {key.public.key_id}. To sign with it:\n  export {FILE_VARIABLE}={file.absolute()}")
    result(f"Readers verify with --public-key {key.public.line()}")
