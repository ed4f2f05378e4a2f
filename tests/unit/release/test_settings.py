"""Settings from flags, environment and file: who wins, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from epc_release.errors import ReleaseError
from epc_release.release import parse
from epc_release.release.config import NAMES, Settings, load


def write(folder: Path, content: str) -> Path:
    file = folder / "release.toml"
    file.write_text(content, encoding="utf-8")
    return file


def refused(code: str, *args: object) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        load(*args)  # type: ignore[arg-type]
    assert caught.value.problem.code == code
    assert str(caught.value)
    return caught.value


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_parser() -> None:
    assert set(parse.PARSERS) == set(NAMES)


def test_nothing_given_gives_the_defaults() -> None:
    assert load({}, {}) == Settings()


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    write(tmp_path, 'jobs = 3\nmemory = "1GiB"\nrelease = "from-file"\nlog_format = "text"\n')
    found = load(
        {"jobs": "5"},
        {"EPC_RELEASE_JOBS": "4", "EPC_RELEASE_MEMORY": "2GiB", "PATH": "/bin"},
        None,
        {"log_format": "json", "register": "other"},
    )
    assert (found.jobs, found.memory, found.release) == (5, 2 * 1024**3, "from-file")
    assert (found.log_format, found.register) == ("text", "other")


def test_paths_of_a_file_are_seen_from_where_it_stands(tmp_path: Path) -> None:
    inner = tmp_path / "conf"
    inner.mkdir()
    file = write(
        inner,
        'sources = ["x", "t=y", "s3://b/z"]\nout = "o"\npolicy = "p.toml"\nto = "public"\n',
    )
    found = load({"state": "s"}, {}, file)
    assert found.sources == (str(inner / "x"), f"t={inner / 'y'}", "s3://b/z")
    assert (found.out, found.state) == (inner / "o", Path("s"))
    assert (found.policy, found.to) == (str(inner / "p.toml"), str(inner / "public"))


def test_a_toml_time_and_lists() -> None:
    file = write(Path(), "cutoff = 2026-03-31T23:59:59Z\narchives = []\nallow_empty = true\n")
    found = load({}, {"EPC_RELEASE_SOURCES": "a.csv\nb, c.csv\n"}, file)
    assert found.cutoff is not None
    assert found.cutoff.isoformat() == "2026-03-31T23:59:59+00:00"
    assert (found.archives, found.allow_empty, found.sources) == ((), True, ("a.csv", "b, c.csv"))
    assert load({"archives": "year,partition,year"}, {}).archives == ("year", "partition")
    assert load({"archives": "none"}, {}).archives == ()


def test_an_unknown_key_shows_the_known_ones(tmp_path: Path) -> None:
    error = refused("E101", {}, {}, write(tmp_path, "memroy = 1\n"))
    assert "memroy" in str(error)
    assert "memory" in str(error)


def test_an_unknown_variable_is_no_silent_default() -> None:
    assert "EPC_RELEASE_MEMROY" in str(refused("E101", {}, {"EPC_RELEASE_MEMROY": "1GiB"}))


@pytest.mark.parametrize(
    "line", ['EPC_RELEASE_KEY = "x"', 'cell_key = "x"', '[s3]\naws_profile = "x"', 'token = "x"']
)
def test_a_secret_in_the_file_is_refused(tmp_path: Path, line: str) -> None:
    assert '"x"' not in str(refused("E103", {}, {}, write(tmp_path, line)))


def test_the_keys_of_the_environment_are_left_to_who_needs_them() -> None:
    names = (
        *("EPC_RELEASE_KEY", "EPC_RELEASE_KEY_FILE", "EPC_RELEASE_DEBUG"),
        *("EPC_RELEASE_CELL_KEY", "EPC_RELEASE_CELL_KEY_FILE"),
    )
    assert load({}, dict.fromkeys(names, "x")) == Settings()


@pytest.mark.parametrize(
    ("flags", "where"),
    [
        ({"jobs": "0"}, "--jobs"),
        ({"memory": "much"}, "--memory"),
        ({"cutoff": "2026-01-01"}, "--cutoff"),
        ({"release": "../x"}, "--release"),
        ({"archives": "monthly"}, "--archives"),
        ({"compression_level": "10"}, "--compression-level"),
        ({"executor": "spark"}, "--executor"),
        ({"out": "s3://bucket/x"}, "--out"),
        ({"sources": ("",)}, "--source"),
        ({"limit": "-1"}, "--limit"),
    ],
)
def test_a_value_of_the_wrong_form_names_its_flag(flags: dict[str, object], where: str) -> None:
    assert where in str(refused("E102", flags, {}))


def test_a_wrong_type_in_the_file_names_file_and_key(tmp_path: Path) -> None:
    file = write(tmp_path, 'allow_empty = "perhaps"\n')
    assert f"{file}, allow_empty" in str(refused("E102", {}, {}, file))
    refused("E102", {}, {}, write(tmp_path, "sources = 3\n"))


def test_a_password_in_a_uri_is_refused_and_not_repeated() -> None:
    for flags in ({"sources": ("t=s3://me:hunter2@host/x",)}, {"to": "s3://me:hunter2@host/x"}):
        assert "hunter2" not in str(refused("E106", flags, {}))


def test_a_file_that_is_absent_or_no_toml(tmp_path: Path) -> None:
    refused("E104", {}, {}, tmp_path / "absent.toml")
    refused("E104", {}, {}, write(tmp_path, "= 1"))


@pytest.mark.parametrize(
    "flags",
    [
        {"out": "o", "state": "o/state"},
        {"out": "o", "state": "o"},
        {"out": "o", "work": "o/../o/w"},
        {"to": "public", "state": "public/state"},
    ],
)
def test_private_folders_never_lie_in_public_ones(flags: dict[str, object]) -> None:
    refused("E107", flags, {})


def test_private_folders_are_found_behind_links(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "o")
    refused("E107", {"out": "o", "state": "link/state"}, {})


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().jobs = 2  # type: ignore[misc]


def test_dialects_are_files_seen_from_where_they_are_named(tmp_path: Path) -> None:
    inner = tmp_path / "conf"
    inner.mkdir()
    file = write(inner, 'dialects = ["a.toml", "b.toml"]\n')
    assert load({}, {}, file).dialects == (inner / "a.toml", inner / "b.toml")
    assert load({}, {"EPC_RELEASE_DIALECTS": "x.toml\ny.toml"}, file).dialects == (
        Path("x.toml"),
        Path("y.toml"),
    )
    assert load({"dialects": (Path("z.toml"),)}, {}, file).dialects == (Path("z.toml"),)
    assert "--dialect: " in str(refused("E102", {"dialects": ("s3://b/d.toml",)}, {}))
