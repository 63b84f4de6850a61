"""The list of all viewers who stream now, for administrators, page by page."""

from typing import Any, NamedTuple

from streaming.gate.readings import read_holders, read_leases, read_reports
from streaming.store.scripts import Store

Row = dict[str, Any]


class Viewers(NamedTuple):
    rows: list[Row]  # of one page: id (of the lease), worker (id), mbps, and the fields of `Holder`
    total: int  # of all pages


class ViewerList:
    """Reads the viewers who stream now from Redis, page by page.

    It remembers when each viewer asked for their stream, so that a call of `page` asks only for the details of new
    streams and of one page.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._since: dict[str, float] = {}  # lease -> Unix ms

    async def page(self, offset: int, limit: int) -> Viewers:
        """Returns at most `limit` viewers, after the first `offset`, and how many viewers stream in all. They are
        sorted by when they asked for the stream, earliest first.

        Raises GateUnavailableError if Redis fails.
        """
        leases = await read_leases(self._store)
        new = await read_holders(self._store, [id for id in leases if id not in self._since])
        began = self._since | {id: float(holder.get("since", 0)) for id, holder in new.items()}
        self._since = {id: began[id] for id in leases if id in began}
        ids = sorted(self._since, key=self._since.__getitem__)[offset : offset + limit]
        holders = await read_holders(self._store, ids)
        return Viewers(await self._rows(holders), len(self._since))

    async def _rows(self, holders: dict[str, Row]) -> list[Row]:
        workers = {str(holder.get("worker")) for holder in holders.values()}
        reports = await read_reports(self._store, sorted(workers))
        sent = {id: kbps for report in reports.values() for id, kbps in report.get("viewings", {}).items()}
        return [{"id": id, **holder, "mbps": round(sent.get(id, 0) / 1000, 2)} for id, holder in holders.items()]
