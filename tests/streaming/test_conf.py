"""The settings of streaming: what is taken, what is refused and in which words, and the timings that follow."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from nvr import settings as product
from streaming import conf
from streaming.conf import Choice, Number, Timing

NUMBERS = [setting for setting in conf.ALL if isinstance(setting, Number)]
CHOICES = [setting for setting in conf.ALL if isinstance(setting, Choice)]


def refusal(setting: Number | Choice, text: str) -> str:
    with pytest.raises(ImproperlyConfigured) as error:
        setting.read({setting.name: text})
    return str(error.value)


@pytest.mark.parametrize("setting", conf.ALL, ids=lambda setting: setting.name)
def test_unset_and_empty_mean_the_default(setting: Number | Choice) -> None:
    for environment in ({}, {setting.name: ""}, {setting.name: "  "}):
        assert setting.read(environment) == setting.default


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_both_bounds_are_taken_and_what_lies_beyond_is_refused(setting: Number) -> None:
    for bound in (setting.minimum, setting.maximum):
        assert setting.read({setting.name: str(bound)}) == bound
    for beyond in (setting.minimum - 1, setting.maximum + 1):
        refusal(setting, str(beyond))


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["-1", "nan", "inf", "-inf", "1e99", "ten", "5s", "0x10", "1,5", "true"])
def test_a_wrong_number_is_told_with_name_value_and_what_would_be_right(setting: Number, text: str) -> None:
    message = refusal(setting, text)
    assert message.startswith(f"{setting.name}={text} is not valid: it must be a ")
    assert ("whole number of" in message) is not setting.fraction
    assert f"of {setting.unit} from {setting.minimum} to {setting.maximum}, for example {setting.default}." in message


@pytest.mark.parametrize("setting", conf.ALL, ids=lambda setting: setting.name)
def test_every_setting_reaches_the_product_s_settings(setting: Number | Choice) -> None:
    """Else the environment's value would be left unread, and the default be used without a word."""
    assert getattr(product, setting.name) == setting.default


def test_seconds_may_have_a_fraction_and_streams_may_not() -> None:
    assert conf.LEASE.read({conf.LEASE.name: " 1.5 "}) == 1.5
    assert "whole number of streams" in refusal(conf.MAX_CONCURRENT, "2.5")


@pytest.mark.parametrize("setting", CHOICES, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["ultra", "original", "MEDIUM", "low,high", "ON"])
def test_a_wrong_word_is_told_with_the_right_ones(setting: Choice, text: str) -> None:
    right = ", ".join(setting.choices)
    assert refusal(setting, text) == f"{setting.name}={text} is not valid: it must be one of {right}."


def test_a_changed_limit_counts_at_once_and_a_wrong_one_is_not_believed(settings: Settings) -> None:
    settings.STREAM_MAX_CONCURRENT = 3
    assert conf.MAX_CONCURRENT.value == 3
    settings.STREAM_MAX_CONCURRENT = 0
    with pytest.raises(ImproperlyConfigured, match="STREAM_MAX_CONCURRENT=0 "):
        _ = conf.MAX_CONCURRENT.value


@pytest.mark.parametrize("lease", [conf.LEASE.minimum, conf.LEASE.default, conf.LEASE.maximum])
def test_a_lease_survives_one_missed_heartbeat_and_is_given_up_before_it_ends(lease: float) -> None:
    timing = Timing(lease)
    assert 0 < timing.heartbeat * 2 < timing.fence < timing.lease


def test_an_empty_redis_lets_newcomers_in_only_when_every_stream_of_before_has_given_up() -> None:
    assert Timing(15).grace >= Timing(15).fence


def test_the_timing_follows_the_lease_that_is_set(settings: Settings) -> None:
    settings.STREAM_LEASE_SECONDS = 30
    assert conf.timing() == Timing(30)
