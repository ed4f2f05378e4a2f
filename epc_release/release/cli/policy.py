"""``policy``: what is wrong with one, what it does, whether it does what was agreed, who agreed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from epc_release.errors import ReleaseError
from epc_release.release.cli.common import JSON
from epc_release.release.cli.output import as_json, result

if TYPE_CHECKING:
    from epc_release.schemas.register import Register

STATE = Path("epc-release-state")
_POLICY = click.argument("policy_name", metavar="POLICY")
_REGISTER = click.option(
    "--register", metavar="NAME", help="Which register it is for.  [default: as its file says]"
)
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=STATE,
    show_default=True,
    metavar="DIR",
    help="Where approvals are kept.",
)


@click.group(
    short_help="Review a policy: lint, show, test, explore, approve.",
    epilog="Next: epc-release policy lint POLICY",
)
def policy() -> None:
    """Review a POLICY: the name of one that the register has, or a .toml file.

    \b
    Examples:
      epc-release policy lint policy.toml
      epc-release policy show deidentified
    """


@policy.command(
    short_help="Everything that is wrong with a policy, and advice.",
    epilog="Next: epc-release policy show POLICY",
)
@_POLICY
@_REGISTER
@JSON
def lint(policy_name: str, register: str | None, json_output: bool) -> None:
    """Everything that a build would refuse, at once, and what reviewers should look at.

    Advice (a small k, a key that no key set counts on, a rule that can never match, ...) is given
    where there are no errors. Exit code 0: no errors; 2: errors.

    \b
    Example:
      epc-release policy lint policy.toml
    """
    from epc_release.anonymise.review.lint import lint as find

    found = find(policy_name, _register(register, policy_name))
    errors = sum(one.severity == "error" for one in found)
    if json_output:
        as_json({"policy": policy_name, "errors": errors, "findings": found})
    else:
        for one in found:
            line = f"line {one.line}: " if one.line and one.severity == "advice" else ""
            result(f"{one.severity} {one.code}: {line}{one.says}")
        result(f"{policy_name}: {errors} errors, {len(found) - errors} pieces of advice.")
    if errors:
        raise ReleaseError("E154", policy=policy_name, count=errors)


@policy.command(
    short_help="A policy in words: each column, what happens to it, why.",
    epilog="Next: epc-release policy test POLICY",
)
@_POLICY
@_REGISTER
@_STATE
@click.option("--markdown", is_flag=True, help="As a page of Markdown, without approvals.")
@JSON
def show(
    policy_name: str, register: str | None, state: Path, markdown: bool, json_output: bool
) -> None:
    """The policy as a statistician reads it: who may be in and by what law, what must hold, and of
    each column what is told and why, with an example that is made up from the schema.

    \b
    Example:
      epc-release policy show deidentified | less
    """
    from epc_release.anonymise.policy import load_policy
    from epc_release.anonymise.review import pages
    from epc_release.anonymise.review.shown import show as facts
    from epc_release.release.approvals import approval

    known = _register(register, policy_name)
    loaded = load_policy(policy_name, known)
    shown = facts(loaded, known)
    approved = approval(loaded, state)
    if json_output:
        as_json({"policy": shown, "approval": approved})
    elif markdown:
        result(pages.as_markdown(shown))
    else:
        result(pages.as_text(shown))
        who = f"by {approved.by} at {approved.time}: {approved.reason}" if approved else "by nobody"
        result(f"\nAPPROVED {who} ({state})")


@policy.command(
    short_help="Run a policy's cases, or count what it does to a sample.",
    epilog="Next: epc-release policy approve POLICY --by NAME --reason TEXT",
)
@_POLICY
@_REGISTER
@click.option(
    "--cases",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Made-up records and what must become of them.  [default: tests/POLICY.toml beside it]",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="[TABLE=]PLACE",
    help="An extract: count what the policy does to its first records, instead of running cases;"
    " repeatable.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Records of each table of the sources.",
)
@JSON
def test(
    policy_name: str,
    register: str | None,
    cases: Path | None,
    sources: tuple[str, ...],
    rows: int,
    json_output: bool,
) -> None:
    """Run the cases of a policy: made-up records through its real rules, and what came out against
    what was expected. Exit code 4: a case differs.

    With --source it is tried on the first records of an extract: for each column how many cells and
    distinct values there are before and after, and how many cells changed. No value is shown.

    \b
    Examples:
      epc-release policy test deidentified
      epc-release policy test policy.toml --source extract
    """
    from epc_release.anonymise.policy import load_policy, policy_path

    known = _register(register, policy_name)
    loaded = load_policy(policy_name, known)
    if sources:
        from epc_release.release.trial.sample import sample

        counted = sample(loaded, known, sources, rows)
        as_json(counted) if json_output else result("\n\n".join(map(str, counted)))
        return
    from epc_release.release.trial.casefile import read_cases
    from epc_release.release.trial.cases import run_cases

    path = policy_path(policy_name, known)
    report = run_cases(loaded, known, read_cases(cases or path.parent / "tests" / path.name, known))
    as_json(report) if json_output else result(str(report))
    report.check()


@policy.command(
    short_help="What each level of generalisation would cost, for a person to choose.",
    epilog="Next: epc-release policy lint POLICY",
)
@_POLICY
@_REGISTER
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    metavar="[TABLE=]PLACE",
    help="The extract; repeatable.",
)
@click.option("--key-set", "key_sets", multiple=True, metavar="ID", help="Only these key sets.")
@click.option(
    "--sample",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of the partitions, whole ones, on which every combination is tried.",
)
@click.option(
    "--plot",
    "plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a plot of each key set there, ID-TABLE.svg.",
)
@click.option(
    "--vocabulary",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write phrases of free text that the policy does not know there, to be reviewed.",
)
@JSON
def explore(
    policy_name: str,
    register: str | None,
    sources: tuple[str, ...],
    key_sets: tuple[str, ...],
    sample: float,
    plots: Path | None,
    vocabulary: Path | None,
    json_output: bool,
) -> None:
    """For each key set of a policy: how k, l, the cells made missing and the records dropped move
    with every level to which its keys could be generalised further.

    All combinations are tried on whole partitions of the extract; the policy's own levels, and the
    finest ones within its ceilings, on all of it. Nothing is chosen and nothing is written but what
    is asked for: a build only verifies.

    \b
    Example:
      epc-release policy explore policy.toml --source extract --plot plots
    """
    from epc_release.anonymise.policy import load_policy
    from epc_release.release.explore.collect import collect
    from epc_release.release.explore.phrases import candidates, write_candidates
    from epc_release.release.explore.plot import plot
    from epc_release.release.explore.report import explore as look

    known = _register(register, policy_name)
    loaded = load_policy(policy_name, known)
    chosen = [each for each in loaded.risk if not key_sets or each.id in key_sets]
    missing = sorted(set(key_sets) - {each.id for each in chosen})
    if missing or (not chosen and vocabulary is None):
        raise ReleaseError("E198", policy=policy_name, what=", ".join(missing) or "at all")
    found = []
    for table in dict.fromkeys(each.table for each in chosen):
        own = [each for each in chosen if each.table == table]
        frame = collect(loaded, known, sources, own)
        for key_set in own:
            explored = look(loaded, known, key_set, frame, sample)
            found.append(explored)
            if not json_output:
                result(f"{explored}\n")
            if plots is not None:
                plots.mkdir(parents=True, exist_ok=True)
                plot(explored.sample, key_set, plots / f"{key_set.id}-{table}.svg")
    texts = candidates(loaded, known, sources) if vocabulary is not None else ()
    for each in texts:
        if vocabulary is not None and each.phrases:
            write_candidates(each, vocabulary)
        if not json_output:
            result(str(each))
    if json_output:
        as_json({"key_sets": found, "vocabularies": texts})


@policy.command(
    short_help="Write down who approved exactly this policy.",
    epilog="Next: epc-release build",
)
@_POLICY
@_REGISTER
@_STATE
@click.option("--by", required=True, metavar="NAME", help="Who approves it.")
@click.option("--reason", required=True, metavar="TEXT", help="On what grounds.")
@JSON
def approve(
    policy_name: str, register: str | None, state: Path, by: str, reason: str, json_output: bool
) -> None:
    """Write into the state folder who approved the policy, with the hash of it and of every
    hierarchy, vocabulary and code list that it uses; any change asks for another approval.

    A build asks for it where the policy says `[release] approval = "required"`, or release.toml
    `approval = "required"`.

    \b
    Example:
      epc-release policy approve policy.toml --by "Head of statistics" --reason "board of 3 May"
    """
    from epc_release.anonymise.policy import load_policy
    from epc_release.release import approvals

    if not by.strip() or not reason.strip():
        raise click.UsageError("--by and --reason must say something")
    loaded = load_policy(policy_name, _register(register, policy_name))
    made = approvals.approve(loaded, state, by.strip(), reason.strip())
    if json_output:
        as_json(made)
    else:
        result(f"Approved by {made.by}: policy {made.policy}, sha256 {made.sha256}")
        result(f"Written to {state / approvals.FILE}")


def _register(name: str | None, policy_name: str) -> Register:
    """The register that was named, else the one that the policy's file names, else epc."""
    from epc_release.schemas.load import load_register

    return load_register(name or _named(policy_name) or "epc")


def _named(policy_name: str) -> str | None:
    try:
        found = tomllib.loads(Path(policy_name).read_text(encoding="utf-8")).get("register")
    except (OSError, ValueError):  # whoever reads the policy says what is wrong with it
        return None
    return found if isinstance(found, str) else None
