"""Rules for the templates: no inline code, and no text without escaping."""

import re
from pathlib import Path

import pytest

from tests.sources import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
INLINE = {
    "a style attribute": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "a script with a body": re.compile(r"<script\b(?![^>]*application/json)[^>]*>\s*[^<\s]", re.IGNORECASE),
    "text let through unescaped": re.compile(r"\|\s*safe\b|autoescape\s+off", re.IGNORECASE),
}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_a_page_has_no_inline_script_or_style_and_lets_no_text_through_unescaped(path: Path) -> None:
    text = path.read_text()
    assert not [what for what, pattern in INLINE.items() if pattern.search(text)]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a style attribute", '<p class="a" style="color: red">'),
        ("an event handler", '<button type="button"\n onclick="go()">'),
        ("a script with a body", '<script type="module">\n  go();\n</script>'),
    ],
)
def test_the_patterns_find_what_they_look_for(what: str, text: str) -> None:
    assert INLINE[what].search(text)
