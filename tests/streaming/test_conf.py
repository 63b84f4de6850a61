"""The settings of streaming: valid and invalid values, error messages, and derived timings."""

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
def test_both_bounds_are_valid_and_values_beyond_are_refused(setting: Number) -> None:
    for bound in (setting.minimum, setting.maximum):
        assert setting.read({setting.name: str(bound)}) == bound
    for beyond in (setting.minimum - 1, setting.maximum + 1):
        refusal(setting, str(beyond))


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["-1", "nan", "inf", "-inf", "1e99", "ten", "5s", "0x10", "1,5", "true"])
def test_the_error_of_a_wrong_number_has_name_value_and_valid_values(setting: Number, text: str) -> None:
    message = refusal(setting, text)
    assert message.startswith(f"{setting.name}={text} is not valid: it must be a ")
    assert ("whole number of" in message) is not setting.fraction
    assert f"of {setting.unit} from {setting.minimum} to {setting.maximum}, for example {setting.default}." in message


@pytest.mark.parametrize("setting", conf.ALL, ids=lambda setting: setting.name)
def test_every_setting_reaches_the_product_s_settings(setting: Number | Choice) -> None:
    """Otherwise the environment's value is ignored, and the default is used silently."""
    assert getattr(product, setting.name) == setting.default


def test_seconds_may_have_a_fraction_and_streams_may_not() -> None:
    assert conf.LEASE.read({conf.LEASE.name: " 1.5 "}) == 1.5
    assert "whole number of streams" in refusal(conf.MAX_CONCURRENT, "2.5")


@pytest.mark.parametrize("setting", CHOICES, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["ultra", "original", "MEDIUM", "low,high", "ON"])
def test_the_error_of_a_wrong_word_has_the_valid_words(setting: Choice, text: str) -> None:
    right = ", ".join(setting.choices)
    assert refusal(setting, text) == f"{setting.name}={text} is not valid: it must be one of {right}."


def test_a_changed_setting_applies_at_once_and_a_wrong_one_raises(settings: Settings) -> None:
    settings.STREAM_MAX_CONCURRENT = 3
    assert conf.MAX_CONCURRENT.value == 3
    settings.STREAM_MAX_CONCURRENT = 0
    with pytest.raises(ImproperlyConfigured, match="STREAM_MAX_CONCURRENT=0 "):
        _ = conf.MAX_CONCURRENT.value


@pytest.mark.parametrize("lease", [conf.LEASE.minimum, conf.LEASE.default, conf.LEASE.maximum])
def test_a_lease_survives_a_missed_heartbeat_and_its_holder_gives_up_before_it_ends(lease: float) -> None:
    timing = Timing(lease)
    assert 0 < timing.heartbeat * 2 < timing.fence < timing.lease


def test_a_redis_without_data_admits_new_viewers_only_after_all_former_streams_have_given_up() -> None:
    assert Timing(15).grace >= Timing(15).fence


def test_the_timing_follows_the_lease_that_is_set(settings: Settings) -> None:
    settings.STREAM_LEASE_SECONDS = 30
    assert conf.timing() == Timing(30, resume=5)
