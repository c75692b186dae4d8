"""What every page of gradus must be: one file that needs nothing else, and that people can read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Elements of a page, each opened one closed again, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.elements if tag == name]


def assert_offline(html: str) -> None:
    """The page names no address outside itself, and runs nothing."""
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    assert not re.search(
        r"(?i)https?:|//\w|@import|<script|<link|<iframe|<img|\bsrc=", without_names
    )
    targets = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', html)
    assert all("".join(target).startswith("#") for target in targets)


def assert_well_formed(html: str) -> None:
    """Elements are closed, and references point somewhere."""
    ids = [a["id"] for _, a in Page(html).elements if "id" in a]
    assert len(set(ids)) == len(ids)
    used = set(re.findall(r'href="#([^"]*)"', html)) | set(re.findall(r"url\(#([^)]*)\)", html))
    assert used <= set(ids)


def assert_accessible(html: str) -> None:
    """The page has a language, a viewport, and headings in order."""
    page = Page(html)
    assert page.tags("html") == [{"lang": "en"}]
    assert any(a.get("name") == "viewport" for a in page.tags("meta"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
