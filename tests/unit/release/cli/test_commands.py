"""Each command calls its part with what was asked for, and shows what came back."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from epc_release.errors import ReleaseError
from epc_release.release.cli import failure, main
from epc_release.release.config import Settings


@dataclass(frozen=True)
class Report:
    """Stands for what every part gives back."""

    release: str = "t1"
    path: Path = Path("releases/t1")
    findings: tuple[object, ...] = ()
    origin: str = ""

    @property
    def ledger(self) -> dict[str, Any]:
        return {"tables": {"t": {"read": 3}}}

    def summary(self) -> str:
        return "the summary"

    def json(self) -> str:
        return '{"plan": 1}'

    def as_dict(self) -> dict[str, Any]:
        return {"ok": False}

    def __str__(self) -> str:
        return "the report"

    def check(self) -> None:
        if self.release == "bad":
            raise ReleaseError("E108")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the parts were called with; the parts themselves are replaced."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(failure, "_interrupt_on_terminate", lambda: None)
    seen: dict[str, Any] = {}

    def part(name: str, **functions: Any) -> None:
        module = ModuleType(name)
        module.__dict__.update(functions)
        package, _, attribute = name.rpartition(".")
        monkeypatch.setitem(sys.modules, name, module)
        if package in sys.modules:
            monkeypatch.setattr(sys.modules[package], attribute, module, raising=False)

    def build(settings: Settings, progress: object) -> Report:
        seen["build"] = settings
        return Report()

    def plan(settings: Settings) -> Report:
        seen["plan"] = settings
        return Report()

    def verify(release: object, deep: bool = False) -> Report:
        seen["verify"] = (release, deep)
        return Report(str(release))

    def publish(release: Path, to: str, **options: Any) -> Report:
        options["verify"](release)
        seen["publish"] = (release, to, {k: v for k, v in options.items() if v is True})
        return Report()

    def synthesise(out: Path, **options: Any) -> Report:
        options["progress"]("t", 5)
        seen["synth"] = (out, options)
        return Report()

    part("epc_release.release.synth", synthesise=synthesise)
    part("epc_release.release.pipeline", build=build, plan=plan)
    part("epc_release.manifests.verify", verify=verify)

    def origin(release: str, *_: object, remote: bool) -> SimpleNamespace:
        seen["origin"] = (release, remote)
        return SimpleNamespace(findings=(), told="", version=None)

    part("epc_release.release.publish.reader", open_reader=lambda uri: uri)
    part(
        "epc_release.release.publish.origin",
        latest_of=lambda reader: "t2" if reader == "place" else None,
        parent=lambda uri: uri,
        verify_origin=origin,
        Expected=lambda *known: known,
    )
    part("epc_release.release.publish.protocol", publish=publish)
    return seen


def test_build_takes_flags_environment_and_file(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("release.toml").write_text('sources = ["a"]\njobs = 7\n', encoding="utf-8")
    monkeypatch.setenv("EPC_RELEASE_RELEASE", "t1")
    assert main(["build", "--memory", "1GiB", "--allow-empty", "--archives", "none"]) == 0
    settings = calls["build"]
    assert (settings.sources, settings.jobs, settings.release) == (("a",), 7, "t1")
    assert (settings.memory, settings.allow_empty, settings.archives) == (1024**3, True, ())
    assert capsys.readouterr().out == "the summary\n"
    assert "publish" not in calls


def test_build_publishes_where_it_is_told_to(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["build", "--source", "a", "--to", "s3://b/x", "--allow-synthetic", "--json"]
    assert main(args) == 0
    assert calls["publish"] == (Path("releases/t1"), "s3://b/x", {"allow_synthetic": True})
    shown = json.loads(capsys.readouterr().out)
    assert shown["ledger"] == {"tables": {"t": {"read": 3}}}
    assert shown["published"]["release"] == "t1"


def test_plan_shows_text_or_json(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--source", "a", "--source", "t=b"]) == 0
    assert calls["plan"].sources == ("a", "t=b")
    assert main(["plan", "--source", "a", "--json"]) == 0
    assert capsys.readouterr().out == 'the report\n{"plan": 1}\n'


def test_verify_shows_the_report_and_exits_by_it(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "good", "--deep"]) == 0
    assert calls["verify"] == ("good", True)
    assert calls["origin"] == ("good", False)
    assert main(["verify", "place"]) == 0
    assert calls["verify"] == ("place/t2", False)
    assert main(["verify", "good", "--not-older-than", "lately"]) == 2
    assert main(["verify", "good", "--seen", "file"]) == 2
    capsys.readouterr()
    assert main(["verify", "bad", "--json"]) == 2
    assert capsys.readouterr().out == '{\n  "ok": false\n}\n'


def test_synth_is_asked_for_what_was_said(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["synth", "x", "--rows", "5", "--format", "csv.gz", "--tables", "t", "--json"]
    assert main(args) == 0
    out, options = calls["synth"]
    assert (out, options["rows"], options["seed"]) == (Path("x"), 5, 1)
    assert (options["dialect"], options["format"], options["tables"]) == (
        None,
        "csv.gz",
        ("t",),
    )
    assert options["register"].name == "epc"
    assert json.loads(capsys.readouterr().out)["release"] == "t1"
    assert main(["synth", "x", "--rows", "0"]) == 2


def test_publish_verifies_first(
    calls: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "r").mkdir()
    assert main(["publish", "r", "--to", "public", "--dry-run", "--allow-partial"]) == 0
    options = {"dry_run": True, "allow_partial": True}
    assert calls["publish"] == (Path("r"), "public", options)
    assert calls["verify"] == (Path("r"), False)
    assert capsys.readouterr().out == "the summary\n"


def test_json_holds_what_reports_are_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    from epc_release.release.cli import output

    when = datetime(2026, 3, 31, tzinfo=UTC)
    output.as_json(
        {"a": Path("x"), "b": when, "c": {2, 1}, "d": MappingProxyType({}), "e": Report()}
    )
    shown = json.loads(capsys.readouterr().out)
    assert shown["b"] == "2026-03-31T00:00:00+00:00"
    assert (shown["a"], shown["c"], shown["d"], shown["e"]["path"]) == (
        "x",
        [1, 2],
        {},
        "releases/t1",
    )


def test_json_of_a_value_that_has_none_is_a_defect() -> None:
    from epc_release.release.cli import output

    with pytest.raises(TypeError, match="SimpleNamespace"):
        output.as_json(SimpleNamespace())
