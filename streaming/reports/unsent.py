"""Selects the part of a worker's report that Redis does not have yet: what has not changed is not sent again."""

from collections.abc import Sequence
from typing import NamedTuple

# A rate is counted again when it is below or above these shares of the rate that is counted. The margin of each rate
# (reporter.MARGIN) covers a rise up to there.
LOWEST, HIGHEST = 0.9, 1.03

# Rate field (camera and quality), estimated kbit/s, highest measured kbit/s of the field's streams here (0: none),
# number of the stream's last change to another field.
CountedStream = tuple[str, int, int, int]


class Part(NamedTuple):
    """A worker's report without what Redis has already. `report`: its state as JSON, "" if unchanged. `streams`: id
    of a stream's lease -> its figures for the bandwidth limit, only if Redis has to count it anew. `fields`: each
    camera and quality that the worker streams, also unchanged ones, as `rate_of` of `limits/admission.py` joins
    them. Redis answers with the kbit/s measured for each.
    """

    report: str
    streams: dict[str, CountedStream]
    fields: Sequence[str]


class Unsent:
    """Remembers what Redis has of a worker's reports.

    After `select`, call `confirm` if the part arrived, else `forget`.
    """

    def __init__(self) -> None:
        self._report = ""
        self._streams: dict[str, CountedStream] = {}  # as Redis has them
        self._counted: dict[str, int] = {}  # rate field -> the most that one of its streams is counted with
        self._selected: tuple[str, dict[str, CountedStream], Part] = "", {}, Part("", {}, ())

    def select(self, report: str, streams: dict[str, CountedStream]) -> Part:
        """Returns the part of a report that Redis does not have. `report`: the worker's state as JSON.

        `streams`: id of a stream's lease -> the figures by which Redis counts it against the bandwidth limit.
        """
        part = Part(
            "" if report == self._report else report,
            {id: stream for id, stream in streams.items() if not self._is_known(id, stream)},
            sorted({field for field, *_ in streams.values()}),
        )
        self._selected = report, streams, part
        return part

    def confirm(self, rates: Sequence[int]) -> None:
        """Remember that Redis has the part that `select` returned last.

        `rates`: the kbit/s that Redis has measured for each entry of the part's `fields` (camera and quality); 0:
        none. Redis counts a field's streams at an older rate until they are sent again. If the new rate is over 3%
        above or 10% below the older one, the next part repeats the field's streams that were not in this part.
        """
        self._report, self._streams, part = self._selected
        before, self._counted = self._counted, {}
        for field, rate in zip(part.fields, rates, strict=True):
            counted = before.get(field, 0)
            if LOWEST * counted <= rate <= HIGHEST * counted:
                self._counted[field] = counted
                continue
            # It has faded, or more was measured: the streams that were not sent now are sent next time.
            self._counted[field] = rate
            self._streams = {
                id: stream for id, stream in self._streams.items() if stream[0] != field or id in part.streams
            }

    def forget(self) -> None:
        """Let the next `select` return the whole report, because Redis may have lost what it had."""
        self._report, self._streams, self._counted = "", {}, {}

    def _is_known(self, id: str, stream: CountedStream) -> bool:
        known = self._streams.get(id)
        if known is None or known[:2] + known[3:] != stream[:2] + stream[3:]:
            return False
        return stream[2] <= HIGHEST * self._counted[stream[0]]
