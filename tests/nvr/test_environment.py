"""Settings from the environment that stop the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from nvr.environment import read_address

SCHEMES = ("sqlite", "postgres")


@pytest.mark.parametrize("url", ["sqlite", "nvr.sqlite3", "mysql://ada:s3cret@db/nvr", "sqlite:/var/lib/nvr.sqlite3"])
def test_an_address_of_another_kind_is_refused_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured) as refused:
        read_address("DATABASE_URL", SCHEMES)
    kind = url.partition(":")[0]
    assert str(refused.value) == f"DATABASE_URL={kind}:... is not valid: it must begin with sqlite://, postgres://."


@pytest.mark.parametrize("url", ["", "sqlite:////var/lib/nvr.sqlite3", "Postgres://nvr@db/nvr"])
def test_an_address_of_the_right_kind_is_returned_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert read_address("DATABASE_URL", SCHEMES) == url
