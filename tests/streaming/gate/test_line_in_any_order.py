"""The waiting line on a real Redis, in any order of calls: nobody is overtaken, lost, or left waiting beside a free slot."""

import json
from typing import Any, cast

import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from streaming.gate.lease_scripts import STORE_KEYS
from streaming.store.keys import GENERATION, LINE, ORDERS, SERVER_SET
from tests.streaming.gate.line_model import BACK, BUDGET, CAMERA, LIFE, ORDINARY, UNLIMITED, LineModel, Viewer
from tests.streaming.gate.observed import LEASE_MS, RUNS, SETS, USERS, any_data, note_members, workers

OPERATOR = 1  # class
kinds = st.sampled_from([OPERATOR, 2, 2, 2, 3])
users = st.sampled_from(["1", "2"])
rates = st.sampled_from([1_000, 1_000, 4_000, 12_000])  # kbit/s
maxima = st.sampled_from([1, 1, 2, 2, 3, UNLIMITED])
budgets = st.sampled_from([0, 0, 5_000, 10_000])


class Waiting(LineModel):
    """Viewers come, wait, leave and come back."""

    def new(self, worker: int, user: str, kind: int, kbps: int, **facts: Any) -> Viewer:
        ordinary = () if kind == OPERATOR else (ORDINARY,)
        camera = (CAMERA,) if kbps == 1_000 else ()
        sets = (SERVER_SET, *ordinary, USERS[int(user) - 1], *camera)
        viewer = Viewer(f"{worker}:{next(self.numbers)}", sets, worker, user=user, kind=kind, kbps=kbps, **facts)
        self.leases[viewer.id] = viewer
        return viewer

    def a_viewer(self, data: st.DataObject, pool: Any) -> Viewer:
        return self.viewer(data.draw(st.sampled_from(sorted(pool))))

    @initialize(data=any_data, server=st.integers(2, 4), others=st.tuples(*[st.sampled_from([1, 2, UNLIMITED])] * 4))
    def first_viewers(self, data: st.DataObject, server: int, others: tuple[int, ...]) -> None:
        self.told |= dict(zip(SETS, (server, *others), strict=True))
        self.crowd(data)

    @rule(data=any_data)
    def crowd(self, data: st.DataObject) -> None:
        for user, kind, kbps in data.draw(st.lists(st.tuples(users, kinds, rates), min_size=4, max_size=6)):
            self.ask(self.new(0, user, kind, kbps))

    @rule(worker=workers, user=users, kind=kinds, kbps=rates, wait=st.sampled_from([True, True, False]))
    def arrive(self, worker: int, user: str, kind: int, kbps: int, wait: bool) -> None:
        self.ask(self.new(worker, user, kind, kbps, wait=wait))

    @precondition(lambda self: self.leases)
    @rule(data=any_data, times=st.integers(1, 2))
    def ask_again(self, data: st.DataObject, times: int) -> None:
        """Claims, lost replies, changed limits, lost tickets; whoever has left asks no more."""
        viewer = self.a_viewer(data, self.owned or self.leases)
        for _ in range(times if viewer.owner is not None else 0):
            self.ask(viewer)

    @precondition(lambda self: self.unclaimed & set(self.owned))
    @rule(data=any_data)
    def claim(self, data: st.DataObject) -> None:
        self.ask(self.a_viewer(data, self.unclaimed & set(self.owned)))

    @precondition(lambda self: self.leases)
    @rule(data=any_data, worker=workers, wait=st.booleans())
    def resume(self, data: st.DataObject, worker: int, wait: bool) -> None:
        """A token is for the same user and camera."""
        self.come_back(self.a_viewer(data, self.leases), worker, wait)

    def come_back(self, former: Viewer, worker: int, wait: bool) -> None:
        self.ask(self.new(worker, former.user, former.kind, former.kbps, wait=wait, former=("resume", former.id)))

    @precondition(lambda self: self.leases)
    @rule(data=any_data, worker=workers, user=users, kbps=rates, wait=st.booleans())
    def replace(self, data: st.DataObject, worker: int, user: str, kbps: int, wait: bool) -> None:
        former = self.a_viewer(data, self.leases)
        orders = self.client.llen(f"{ORDERS}w{former.owner}")
        self.ask(self.new(worker, user, 2, kbps, wait=wait, former=("replace", former.id)))
        if user != former.user:
            assert self.client.llen(f"{ORDERS}w{former.owner}") == orders

    @precondition(lambda self: self.owned)
    @rule(data=any_data, times=st.integers(1, 2), back=st.sampled_from([0, BACK]))
    def leave(self, data: st.DataObject, times: int, back: int) -> None:
        ids = [lease.id for lease in self.some(data, self.owned, 5)]
        for _ in range(times):
            self.release(ids, back)

    def release(self, ids: list[str], back: int) -> None:
        before, looked = self.line(), set()
        for key in SETS:
            looked |= {key} if set(ids) & set(self.observed.ends[key]) else set()
        self.run("gate/release", [*STORE_KEYS, *SETS], [back, 0, json.dumps([*ids, "nobody"])])
        for id in ids:
            self.leases[id].owner = None
            self.former.discard(id)
        self.settle(before, looked | {BUDGET} if looked else looked, leaving=ids)
        assert not set(ids) & (self.held | set(self.line().orders))

    @rule(worker=workers)
    def obey(self, worker: int) -> None:
        """The worker ends the viewings that others replace."""
        orders = cast(list[str], self.client.lrange(f"{ORDERS}w{worker}", 0, -1))
        self.client.delete(f"{ORDERS}w{worker}")
        for id in [json.loads(order)["id"] for order in orders]:
            self.release([id], BACK)

    @precondition(lambda self: self.operators_wait() and self.preemptable())
    @rule(data=any_data, worker=workers, comes_back=st.booleans())
    def preempt(self, data: st.DataObject, worker: int, comes_back: bool) -> None:
        """An ordinary viewer ends for an operator who waits. Nobody comes back to that slot or place."""
        viewer = self.a_viewer(data, self.preemptable())
        self.client.set(f"{LINE}:heir:{viewer.id}", "", px=LEASE_MS)
        self.heirs[viewer.id] = "nobody"
        self.release([viewer.id], BACK)
        if comes_back:
            self.come_back(viewer, worker, wait=True)

    def operators_wait(self) -> bool:
        return any(self.viewer(id).kind == OPERATOR for id in self.line().orders)

    def preemptable(self) -> set[str]:
        return {id for id in self.held & set(self.owned) if ORDINARY in self.viewer(id).sets}

    @precondition(lambda self: self.held)
    @rule(data=any_data)
    def lose_connection(self, data: st.DataObject) -> None:
        viewer = self.a_viewer(data, self.held)
        self.run("gate/abandon", [LINE, *viewer.sets], [viewer.id, BACK])

    @rule(worker=workers, look=st.booleans())
    def keep(self, worker: int, look: bool) -> None:
        """The places are kept; the viewers without a ticket ask again."""
        mine = [id for id in self.owned if self.leases[id].owner == worker and id not in self.held]
        before = self.line()
        self.client.set(f"{LINE}:looked", 1, px=LEASE_MS)
        if look:
            self.client.delete(f"{LINE}:looked")
        keys = [*STORE_KEYS, SERVER_SET]
        waiting, tickets = self.run("gate/keep_waiting", keys, [LIFE, LEASE_MS, 0, json.dumps(mine)])
        for id in set(mine) & set(before.orders):
            before.alive[id] = self.observed.now + LIFE
        self.settle(before, None if look and self.generation == "open" else set())
        after = self.line()
        assert waiting == len(after.orders)
        assert {id for id, *_ in tickets} == set(mine) & set(after.orders)
        ranks = sorted(after.orders, key=lambda id: (after.orders[id], id))
        for id, order, place, queue, _ in tickets:
            self.viewer(id).order = float(order)
            assert (ranks.index(id) + 1, after.queue(id)) == (place, BUDGET if queue.startswith("budget:") else queue)

    @precondition(lambda self: self.held)
    @rule(data=any_data)
    def lapse(self, data: st.DataObject) -> None:
        """A worker has died, or did not claim a slot."""
        for lease in self.some(data, self.held, 4):
            for key in lease.sets:
                self.client.zadd(key, {lease.id: 1}, xx=True)
        note_members(self.client)
        self.see_who_lapsed()

    @precondition(lambda self: self.client.exists(LINE))
    @rule(data=any_data)
    def ticket_is_not_kept(self, data: st.DataObject) -> None:
        viewer = self.a_viewer(data, self.line().orders)
        self.client.zadd(f"{LINE}:alive", {viewer.id: 1})
        self._line = None

    @precondition(lambda self: self.leases)
    @rule(data=any_data, change=st.sampled_from(["front", "remove"]))
    def administrator(self, data: st.DataObject, change: str) -> None:
        viewer, before = self.a_viewer(data, self.leases), self.line()
        (changed,) = self.run("gate/change_ticket", [LINE], [viewer.id, change, ORDERS, "", LEASE_MS])
        assert changed == (viewer.id in before.orders)
        self.settle(before, set(), gone={viewer.id} if change == "remove" else ())
        orders = self.line().orders
        if changed and change == "front":
            assert orders[viewer.id] == min(orders.values())

    @rule(key=st.sampled_from(SETS), maximum=maxima)
    def change_limit(self, key: str, maximum: int) -> None:
        self.told[key] = 3 if (key, maximum) == (SERVER_SET, UNLIMITED) else maximum

    @rule(kbps=budgets)
    def change_budget(self, kbps: int) -> None:
        self.told[BUDGET] = kbps


class Losses(Waiting):
    """Redis also loses its data, or comes back with older data."""

    @precondition(lambda self: self.held)
    @rule()
    def lose_data(self) -> None:
        self.client.flushdb()
        self.displace()
        self.held, self.generation = set(), "none"

    @precondition(lambda self: self.generation != "open")
    @rule()
    def grace_ends(self) -> None:
        self.end_grace()
        self.former = set()

    @precondition(lambda self: self.former)
    @rule(data=any_data)
    def former_holders_enter_again(self, data: st.DataObject) -> None:
        viewer = self.a_viewer(data, self.former)
        self.former.discard(viewer.id)
        self.ask(viewer, reentry=True)

    @rule()
    def save(self) -> None:
        self.client.swapdb(0, 1)
        self.client.flushdb()
        self.client.swapdb(0, 1)
        for key in cast(list[str], self.client.keys("*")):
            self.client.copy(key, key, destination_db="1")
        self.is_saved = True

    @precondition(lambda self: self.is_saved)
    @rule()
    def come_back_with_old_data(self) -> None:
        self.client.swapdb(0, 1)
        self.displace()
        self.client.hset(GENERATION, "run", "another")
        self.client.delete(f"{GENERATION}:run")
        self.open_generation(LEASE_MS)  # as each new connection does
        self.generation, self.held, self.is_saved = "recovering", self.observed.unexpired(SERVER_SET), False
        for id in self.held:
            self.leases[id].details = self.observed.details[id]
        said = cast(dict[str, str], self.client.hgetall(f"{LINE}:limits"))
        self.budget = int(said.pop("budget", 0))
        for key, maximum in said.items():
            self.limits.change(key, int(maximum) or UNLIMITED)

    def displace(self) -> None:
        self._observed = self._line = None
        self.former = {id for id in self.held if self.leases[id].owner is not None}
        self.lapsed, self.heirs = set(), {}


def test_no_order_of_calls_overtakes_or_loses_anybody_in_line(raw: "redis.Redis") -> None:
    run_state_machine_as_test(cast(Any, lambda: Losses(raw)), settings=settings(RUNS, max_examples=50))
