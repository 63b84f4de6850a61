"""Addresses of common makers."""

import pytest

from cameras.makers import MAKERS, Maker
from cameras.sources import check_address
from tests.sources import ROOT


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.name)
def test_a_makers_addresses_are_camera_addresses_with_a_source(maker: Maker) -> None:
    for address in filter(None, (maker.main, maker.sub)):
        assert address.count("HOST") == 1
        check_address(address.replace("HOST", "192.0.2.7"))
    assert maker.main != maker.sub
    assert maker.source.startswith(("http://", "https://"))


def test_the_documentation_has_the_same_list() -> None:
    rows = [line for line in (ROOT / "docs/cameras.md").read_text().splitlines() if "HOST" in line and line[0] == "|"]
    assert rows == [
        f"| {maker.name} | `{maker.main}` | {f'`{maker.sub}`' if maker.sub else ''} | [source]({maker.source}) |"
        for maker in MAKERS
    ]
