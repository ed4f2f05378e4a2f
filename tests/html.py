"""A strict reader of our pages: what is not as HTML and WCAG ask is a problem.

The pages write every end tag, so that a balanced tree can be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
KNOWN = set(
    re.findall(
        r"\w+",
        "html head title body header footer nav main a p ul li h1 h2 h3 h4 div span strong code pre"
        " dl dt dd table caption thead tbody tr th td details summary time",
    )
)


@dataclass
class Node:
    """An element: ``parts`` are its texts and elements in order."""

    tag: str
    attrs: dict[str, str]
    above: Node | None
    parts: list[str | Node] = field(default_factory=list)

    def text(self) -> str:
        said = "".join(part if isinstance(part, str) else part.text() for part in self.parts)
        return re.sub(r"\s+", " ", said).strip()

    def all(self, *tags: str) -> Iterator[Node]:
        for part in self.parts:
            if isinstance(part, Node):
                if not tags or part.tag in tags:
                    yield part
                yield from part.all(*tags)

    def language(self) -> str:
        node: Node | None = self
        while node is not None and "lang" not in node.attrs:
            node = node.above
        return node.attrs["lang"] if node else ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {}, None)
        self.at = self.root
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.problems.append(f"<{tag}> has an attribute twice")
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.parts.append(node)
        if tag in VOID:
            return
        if tag not in KNOWN:
            self.problems.append(f"<{tag}> is no element of ours")
        self.at = node

    def handle_endtag(self, tag: str) -> None:
        if self.at.tag != tag:
            self.problems.append(f"</{tag}> ends <{self.at.tag}>")
        self.at = self.at.above or self.root

    def handle_data(self, data: str) -> None:
        self.at.parts.append(data)

    def handle_comment(self, data: str) -> None:
        self.problems.append("a comment")


def read(text: str) -> tuple[Node, list[str]]:
    """The tree of a page, and what is wrong with it as HTML."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.at is not reader.root:
        reader.problems.append(f"<{reader.at.tag}> is not ended")
    if not text.startswith("<!DOCTYPE html>\n<html lang="):
        reader.problems.append("no doctype or language")
    return reader.root, reader.problems


def problems(text: str) -> list[str]:
    """What is wrong with a page, as far as a program can tell."""
    root, found = read(text)
    return [*found, *_active(root), *_names(root), *_links(root), *_structure(root), *_tables(root)]


def _active(root: Node) -> Iterator[str]:
    for node in root.all():
        for name, value in node.attrs.items():
            if name.startswith("on") or name == "style":
                yield f"<{node.tag}> has {name}"
            if name in ("href", "src") and re.match(r"\s*(javascript|data|vbscript):", value, re.I):
                yield f"<{node.tag}> leads to {value}"


def _names(root: Node) -> Iterator[str]:
    ids = [node.attrs["id"] for node in root.all() if "id" in node.attrs]
    if len(set(ids)) != len(ids):
        yield "an id stands twice"
    for node in root.all():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            for given in node.attrs.get(name, "").split():
                if given not in ids:
                    yield f"{name} of {given} leads nowhere"
        if node.attrs.get("role") == "region" and not (
            {"aria-label", "aria-labelledby"} & node.attrs.keys()
        ):
            yield "a region without a name"
        if node.tag == "nav" and not {"aria-label", "aria-labelledby"} & node.attrs.keys():
            yield "a nav without a name"


def _links(root: Node) -> Iterator[str]:
    for link in root.all("a"):
        if not (link.text() and link.attrs.get("href")):
            yield "a link without text or target"
        if link.text() not in link.attrs.get("aria-label", link.text()):
            yield f"the name of the link {link.text()} is not its text (WCAG 2.5.3)"


def _structure(root: Node) -> Iterator[str]:
    for tag in ("title", "main", "h1"):
        if len([node for node in root.all(tag) if node.text()]) != 1:
            yield f"not one {tag} with text"
    levels = [int(node.tag[1]) for node in root.all("h1", "h2", "h3", "h4")]
    if levels[:1] != [1] or any(b > a + 1 for a, b in pairwise(levels)):
        yield f"headings out of order: {levels}"
    body = next(root.all("body"))
    first = next(body.all("a"))
    main = next(root.all("main"))
    if first.attrs["href"] != f"#{main.attrs.get('id')}":
        yield "no skip link first"
    viewport = [n.attrs["content"] for n in root.all("meta") if n.attrs.get("name") == "viewport"]
    if viewport != ["width=device-width, initial-scale=1"]:
        yield "a viewport that stops zoom"


def _tables(root: Node) -> Iterator[str]:
    for table in root.all("table"):
        if not [caption for caption in table.all("caption") if caption.text()]:
            yield "a table without caption"
        heads = list(next(table.all("thead")).all("th"))
        if any(head.attrs.get("scope") != "col" or not head.text() for head in heads):
            yield "a heading of a column without scope or text"
        for row in next(table.all("tbody")).all("tr"):
            cells = [part for part in row.parts if isinstance(part, Node)]
            if len(cells) != len(heads):
                yield f"a row of {len(cells)} cells below {len(heads)} headings"
            if cells[0].tag != "th" or cells[0].attrs.get("scope") != "row":
                yield "a row without its heading"


def rows(page: Node, caption: str) -> dict[str, list[str]]:
    """The cells of the table whose caption has that id, by the heading of their row."""
    table = next(
        table
        for table in page.all("table")
        if next(table.all("caption")).attrs.get("id") == caption
    )
    return {
        next(row.all("th")).text(): [cell.text() for cell in row.all("td")]
        for row in next(table.all("tbody")).all("tr")
    }


def pages(folder: Path) -> dict[str, str]:
    """Every page of a release by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*.html"))
    }
