"""The lock files match the lists of requirements, with a hash for each package. No index is used."""

import re

import pytest

from tests.servers import ROOT

NAMES = ("requirements", "requirements-signin", "requirements-onvif", "requirements-dev", "requirements-bench")
INCLUDES = {
    "requirements-signin": ("requirements",),
    "requirements-onvif": ("requirements",),
    "requirements-dev": ("requirements-signin", "requirements-onvif"),
    "requirements-bench": ("requirements-dev",),
}


def asked_for(name: str) -> dict[str, str]:
    """Returns package -> version of a list of requirements and of those that it includes."""
    text = (ROOT / f"{name}.txt").read_text()
    found = dict(re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==([\w.]+)", text, re.M))
    for included in INCLUDES.get(name, ()):
        found |= asked_for(included)
    return found


def entries(name: str) -> list[str]:
    """Returns one text for each package of a lock file: name, version, condition, hashes and the reason."""
    return re.split(r"^(?=[a-z0-9])", (ROOT / f"{name}.lock").read_text(), flags=re.M)[1:]


def locked(name: str) -> set[tuple[str, str]]:
    return {(match[1], match[2]) for entry in entries(name) if (match := re.match(r"([\w-]+)==([\w.]+)", entry))}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_file_is_what_its_list_asks_for(name: str) -> None:
    direct = {
        (match[1], match[2])
        for entry in entries(name)
        if (match := re.match(r"([\w-]+)==([\w.]+)", entry)) and re.search(r"-r requirements[\w-]*\.txt$", entry, re.M)
    }
    assert direct == set(asked_for(name).items()), "run `make lock`"


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_file_has_a_hash_for_each_package_and_names_no_index(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text()
    for entry in entries(name):
        assert re.match(r"[\w-]+==[\w.]+( ; [^\\]+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+ +# via", entry), entry
    assert re.findall(r"^-.*", text, re.M) == ["--only-binary :all:"]  # else pip builds with tools that have no hash
    assert "://" not in text


@pytest.mark.parametrize("name", INCLUDES)
def test_tests_run_on_what_an_installation_runs_on(name: str) -> None:
    for included in INCLUDES[name]:
        assert locked(included) <= locked(name), "run `make lock`"


@pytest.mark.parametrize("path", ["Makefile", "README.md", "deploy/Dockerfile", "docs/install.md", "docs/operating.md"])
def test_packages_are_installed_by_hash(path: str) -> None:
    commands = re.findall(r"pip install.*", (ROOT / path).read_text().replace("\\\n", ""))
    assert commands
    assert [line for line in commands if "--require-hashes" not in line] == []
