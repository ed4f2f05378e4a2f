"""The reference of the dialect language names every key, and its examples load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from epc_release.schemas import dialect, forms
from epc_release.schemas.extra import with_dialects
from epc_release.schemas.fold import FOLDS
from epc_release.schemas.load import load_register

PAGE = Path(__file__).resolve().parents[3] / "docs" / "dialects.md"


@pytest.mark.parametrize(
    "key", [*dialect.TOP, *dialect.TABLE, *forms.PLACES, *dialect.CASES, *FOLDS]
)
def test_every_key_is_in_the_reference(key: str) -> None:
    assert re.search(
        rf"`\[?(tables\.)?{key}(\.TABLE)?\]?`|`{{ {key} = ", PAGE.read_text("utf-8")
    ) or (key == "tables")


@pytest.mark.parametrize(("place", "register"), [(0, "brownfield-land"), (1, "price-paid")])
def test_the_examples_are_dialects(place: int, register: str, tmp_path: Path) -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[place]
    file = tmp_path / "example.toml"
    file.write_text(example, encoding="utf-8")
    given = [
        found for found in with_dialects(load_register(register), [file]).dialects if found.given
    ]
    assert len(given) == 1
