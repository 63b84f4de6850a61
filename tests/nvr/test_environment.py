"""Settings from the environment that stop the start."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from nvr.environment import read_address, read_database

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


@pytest.mark.parametrize("url", ["postgres://nvr:s3c/ret@db:5432/nvr", "postgres://nvr:s3cret@[::1/nvr"])
def test_a_database_url_that_cannot_be_taken_apart_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="it must be like postgres://") as refused:
        read_database("DATABASE_URL", "sqlite://")
    assert "s3c" not in str(refused.value)
    assert refused.value.__suppress_context__, "nor does a traceback show it"


def test_a_wrong_option_of_the_database_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nvr@db/nvr?conn_max_age=long")
    with pytest.raises(ImproperlyConfigured) as refused:
        read_database("DATABASE_URL", "sqlite://")
    assert str(refused.value) == "DATABASE_URL: conn_max_age=long is not valid: it must be a whole number of seconds."


@pytest.mark.parametrize(
    ("url", "name", "password"),
    [("", "fallback", ""), ("postgres://nvr:s3c%2Fret@db:5432/nvr?conn_max_age=60", "nvr", "s3c/ret")],
)
def test_a_right_database_url_is_read(monkeypatch: pytest.MonkeyPatch, url: str, name: str, password: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    read = read_database("DATABASE_URL", "sqlite:///fallback")
    assert (read["NAME"], read["PASSWORD"]) == (name, password)
