"""The entries of the Redis stream between a camera's reader and its followers."""

import pytest

from streaming.ingest.access_units import AccessUnit
from streaming.ingest.shared_stream import Opening, delay_of, drop_undecodable, fields_of

UNIT = AccessUnit(b"unit", key=False, presented_at=0.0)


@pytest.mark.parametrize(("delay", "told"), [(None, None), (0.0, 0.0), (12.34, 12.3)])
def test_an_entry_tells_the_cameras_delay_if_it_is_known(delay: float | None, told: float | None) -> None:
    assert delay_of(fields_of(Opening(b"1", "h264", b""), 1, UNIT, True, delay)) == told


def test_followers_learn_of_a_loss_by_a_gap_in_the_numbers() -> None:
    entries = [fields_of(Opening(b"1", "h264", b""), number, UNIT, True) for number in (3, 5)]
    kept, number, gap = drop_undecodable(entries, 2)
    assert (len(kept), number, gap) == (1, 3, False)
