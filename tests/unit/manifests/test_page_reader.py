"""The reader that judges our pages in tests finds what is wrong with one."""

from __future__ import annotations

import pytest

from tests.html import problems

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>T</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><a href="#main">Skip</a><nav aria-label="n"></nav><main id="main"><h1>H</h1>
<table><caption id="c">C</caption><thead><tr><th scope="col">A</th></tr></thead>
<tbody><tr><th scope="row">1</th></tr></tbody></table></main></body></html>
"""


def test_a_sound_page_has_no_problems() -> None:
    assert problems(PAGE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (' lang="en"', "", "no doctype or language"),
        ("</h1>", "</h2>", "ends <h1>"),
        ("<h1>H</h1>", "<h1>H</h1><script>1</script>", "no element of ours"),
        ("<h1>H</h1>", "<h1>H</h1><h3>I</h3>", "out of order"),
        ("<h1>H</h1>", "<h1></h1>", "not one h1"),
        ("<h1>", '<h1 onclick="x">', "has onclick"),
        ("<h1>", '<h1 class="a" class="b">', "twice"),
        ("<h1>", '<h1 id="c">', "id stands twice"),
        ("<h1>", '<h1 aria-labelledby="d">', "leads nowhere"),
        (' aria-label="n"', "", "nav without a name"),
        ("#main", "#other", "no skip link"),
        ("Skip", "", "link without text"),
        ('"#main"', '"JavaScript:x"', "leads to"),
        (' scope="col"', "", "without scope"),
        (' scope="row"', "", "row without its heading"),
        ("1</th>", "1</th><td>2</td>", "2 cells below 1"),
        (">C<", "><", "without caption"),
        ("initial-scale=1", "initial-scale=1, maximum-scale=1", "stops zoom"),
        ("</body></html>", "", "is not ended"),
    ],
)
def test_each_fault_is_found(right: str, wrong: str, told: str) -> None:
    assert right in PAGE
    assert any(told in problem for problem in problems(PAGE.replace(right, wrong, 1)))
