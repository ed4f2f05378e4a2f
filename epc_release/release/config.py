"""What a build was asked to do: one frozen value, from flags, environment and ``release.toml``.

Flags win over environment variables (``EPC_RELEASE_`` and the setting's name in capitals), these
win over ``release.toml``, and that wins over the defaults. Every setting is parsed by one function
wherever it comes from. Secrets are no settings: they never stand in a file of this kind.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from epc_release.errors import ReleaseError
from epc_release.release import parse, values
from epc_release.release.retention import Retention

DEFAULT_FILE = Path("release.toml")
DEFAULT_MEMORY = 1536 * 1024**2
DEFAULT_ARCHIVES = ("partition", "year", "all")
EXPIRY_DAYS = 40
PREFIX = "EPC_RELEASE_"
# Read by the parts that need them, and by nothing else.
SECRETS = frozenset(
    f"EPC_RELEASE_{name}"
    for name in (
        *("KEY", "KEY_FILE", "KEY_SECRET", "CELL_KEY", "CELL_KEY_FILE"),
        *("SIGNING_KEY", "SIGNING_KEY_FILE", "SIGNING_KEY_SECRET"),
    )
)
DEBUG = "EPC_RELEASE_DEBUG"
_SECRET_NAME = re.compile(r"(^|_)(key|keys|secret|password|passphrase|token|credentials?)$|^aws_")


@dataclass(frozen=True)
class Settings:
    """The settings of ``build`` and ``plan``; times are aware, ``memory`` is in bytes.

    ``memory`` is what the peak of the whole process tree stays below; ``limit`` is the number of
    certificates read of each parent table. ``sources`` are paths, globs or URIs, each with a
    ``TABLE=`` before it where the table is forced. ``dialects`` are files that tell how other
    sources spell the register's tables. ``archives`` names which zips are made: one per
    ``partition``, one per ``year``, one of ``all``. ``previous`` is the release to compare rows
    with (``latest`` of ``to`` and ``none`` are names) and ``changes`` since how many of the earlier
    ones at ``to`` what changed is listed; ``accept`` has codes of data quality gates
    that are passed in this one build, for ``reason``, and ``override_interval`` is true where it is
    made although the policy's interval is not over. ``approval`` is ``required`` where a build
    needs a policy that somebody approved, whatever the policy itself says. ``profile``: the cost of
    each stage is shown at the end. ``resume``: an interrupted build of the same is continued, and
    this one can be.

    ``promotion`` is ``approved`` where a release that is published becomes public only when one of
    ``approvers`` (public keys) has signed it; none does before ``not_before``. ``expiry`` is how
    many days pointers are valid, ``keep`` how many releases ``prune`` leaves, and ``retention`` how
    many days each private kind is kept.
    """

    register: str = "epc"
    sources: tuple[str, ...] = ()
    dialects: tuple[Path, ...] = ()
    policy: str | None = None
    approval: Literal["required", "none"] = "none"
    suppressions: Path | None = None
    suppressions_as_of: datetime | None = None
    sites: Path | None = None
    out: Path = Path("releases")
    state: Path = Path("epc-release-state")
    work: Path | None = None
    release: str | None = None
    cutoff: datetime | None = None
    previous: str | None = None
    changes: int = 1
    encoding: str | None = None
    jobs: int = os.cpu_count() or 1
    memory: int = DEFAULT_MEMORY
    limit: int | None = None
    executor: Literal["serial", "local"] = "local"
    to: str | None = None
    promotion: Literal["automatic", "approved"] = "automatic"
    approvers: tuple[str, ...] = ()
    not_before: datetime | None = None
    expiry: int = EXPIRY_DAYS
    keep: int | None = None
    retention: Retention = field(default_factory=Retention)
    accept: tuple[str, ...] = ()
    override_interval: bool = False
    reason: str | None = None
    allow_empty: bool = False
    allow_partial: bool = False
    allow_synthetic: bool = False
    archives: tuple[str, ...] = DEFAULT_ARCHIVES
    compression_level: int = 5
    profile: bool = False
    resume: bool = False
    log_format: Literal["text", "json"] = "text"


ONCE = (
    "accept",
    "override_interval",
    "reason",
)  # for one build, so neither a file nor the environment may set them
NAMES = tuple(field.name for field in fields(Settings))


def load(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    config: Path | None = None,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """The settings from all places; ``flags`` holds only those that were given.

    ``config`` is the file named by the user; without it ``release.toml`` is read where it stands.
    ``defaults`` are values that depend on where we run, weaker than all others.
    Raises ReleaseError E101-E104, E106 and E107.
    """
    found: dict[str, Any] = dict(defaults or {})
    for where, name, raw, base in _given(flags, environ, config):
        try:
            found[name] = parse.PARSERS[name](raw, base)
        except parse.CredentialsError as error:
            raise ReleaseError("E106", where=where) from error
        except ValueError as error:
            raise ReleaseError("E102", where=where, problem=error) from error
    settings = Settings(**found)
    _check_places(settings)
    _check_acceptance(settings)
    return settings


def _given(
    flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None
) -> Iterator[tuple[str, str, object, Path]]:
    """(where, setting, raw value, folder that paths are seen from), the strongest last."""
    here = Path()
    file = config or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if file is not None:
        for name, value in _read(file).items():
            yield f"{file}, {name}", name, value, file.parent
    for variable, value in environ.items():
        if variable.startswith(PREFIX) and variable not in SECRETS | {DEBUG}:
            name = variable.removeprefix(PREFIX).lower()
            _known("the environment", name, variable)
            yield variable, name, value, here
    for name, value in flags.items():
        yield f"--{parse.flag(name)}", name, value, here


def _read(file: Path) -> Mapping[str, object]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise ReleaseError("E104", file=file, problem=problem) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReleaseError("E104", file=file, problem=f"not valid TOML: {error}") from error
    _refuse_secrets(file, content)
    for name in content:
        _known(file, name, name)
    return content


def _refuse_secrets(file: Path, content: Mapping[str, object]) -> None:
    for name, value in content.items():
        if _SECRET_NAME.search(name.lower().replace("-", "_")):
            raise ReleaseError("E103", where=file, name=name)
        if isinstance(value, Mapping):
            _refuse_secrets(file, value)


def _known(where: object, name: str, spelled: str) -> None:
    if name not in NAMES:
        raise ReleaseError("E101", where=where, name=spelled, known=", ".join(NAMES))
    if name in ONCE:
        raise ReleaseError("E313", where=where, name=spelled)


def _check_acceptance(settings: Settings) -> None:
    """What is accepted has a reason, and a reason is for something that is accepted."""
    given = {"--accept": settings.accept, "--override-interval": settings.override_interval}
    for flag, value in given.items():
        if value and settings.reason is None:
            raise ReleaseError("E312", given=flag, lacking="--reason")
    if settings.reason is not None and not any(given.values()):
        raise ReleaseError("E312", given="--reason", lacking=" or ".join(given))


def _check_places(settings: Settings) -> None:
    """State and work hold private records: never inside what is served or synchronised."""
    public = {"--out": settings.out}
    if settings.to is not None and not values.is_uri(settings.to):
        public["--to"] = Path(settings.to)
    for private, path in (("--state", settings.state), ("--work", settings.work)):
        for name, parent in public.items():
            if path is not None and path.resolve().is_relative_to(parent.resolve()):
                raise ReleaseError("E107", private=private, path=path, public=name, parent=parent)
