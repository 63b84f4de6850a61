"""The log of limits as text."""

import pytest
from django.contrib.auth.models import User

from streaming.limits import change_log, changes

pytestmark = pytest.mark.django_db


def test_the_log_shows_the_previous_value_despite_trials_and_whole_numbers_without_fraction(ada: User) -> None:
    changes.change(ada, {"max_mbps": 999_999.5})
    for _ in range(3):
        changes.change(ada, {"max_concurrent": 5}, trial=True)
        changes.end_trial(ada)
    changes.change(ada, {"max_mbps": 1_000_000})
    newest = change_log.log(change_log.rows(), 1)
    assert [entry["text"] for entry in newest] == ["Total bandwidth (Mbit/s): 999999.5 → 1000000"]
