"""Each link in the documents, and each file of this repository that they name, exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "streaming|cameras|nvr|templates|tests|bench|deploy|docs"


def anchor(heading: str) -> str:
    """Returns the anchor that GitHub creates for a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.M)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"""(?:\]\(|(?:src|href)=")([^)"\s]+)[)"]""", page.read_text()):
        path, _, fragment = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]+\.\w+)`", page.read_text()))
    assert not [name for name in named if not (ROOT / name).exists()]


def test_what_the_pages_link_to_is_found() -> None:
    """Without this, a pattern that finds nothing would pass."""
    assert sum(page.read_text().count("](") for page in PAGES) > 25
    assert anchor("What Redis answers?") == "what-redis-answers"
