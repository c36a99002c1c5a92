"""Paid conversations as a test tells them: people, and a clock that moves only when it is told to."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import uuid4

import pytest

from chat import balances, clock, messages, receipts, timeline, transitions
from chat.accounts import User
from chat.runtime import Runtime
from chat.store import server, users
from chat.sweeper import Sweeper
from tests.time_travel import pass_time

RATES = {"anna": 250, "ben": 100, "cora": 250, "dora": 400, "zoe": 0}


def _act(transition: Callable[..., Any], by: str = "") -> Callable[..., None]:
    return lambda story, side=by: transition(story.runtime, story.user(side), story.id)


class Story:
    """People are there but while they are `away`, the server but while it `is_down`; and if the story
    `is_swept` the sweeper looks every few seconds, else what happens is noticed when somebody acts."""

    accept, decline = _act(transitions.accept, "agent"), _act(transitions.decline, "agent")
    end, cancel = _act(transitions.end, "client"), _act(transitions.cancel, "client")
    pause, resume = _act(transitions.pause), _act(transitions.resume)

    def __init__(self, runtime: Runtime, is_swept: bool = False) -> None:
        self.runtime, self.is_swept = runtime, is_swept
        self.is_down, self.ms, self.wall_ms = False, 0, 0
        self.client, self.asked, self.away = "client", {}, set()
        # So that 60 s are 60.000 s the machine's clocks stand still; `pass_time` moves the server's.
        self._clocks, steady = pytest.MonkeyPatch(), clock.steady() * clock.NS_PER_MS
        self._clocks.setattr("chat.clock.time.clock_gettime_ns", lambda _: steady)
        start = self.runtime.database.read(server.now)
        self._clocks.setattr("chat.clock.time.time_ns", lambda: (start + self.ms + self.wall_ms) * 10**6)
        self._clocks.setattr("chat.sweeper.monotonic", lambda: (start + self.ms) / 1000)
        self.people = {name: self._person(name) for name in ("client", "other", *RATES)}
        self.sweeper = Sweeper(self.runtime)
        self.boot()

    def close(self) -> None:
        self._clocks.undo()
        self.sweeper.end()
        for self.id, self.client in self.asked.items():  # noqa: B020
            self.end()
        # Who is nowhere is not moved through the time of the next story on this database.
        ids = tuple(user.id for user in self.people.values())
        update = f"UPDATE users SET seen_at = 0 WHERE id IN {ids}"
        self.runtime.database.write(lambda db: db.conn.execute(update).close())

    def at(self, second: float) -> None:
        while (left := round(second * 1000) - self.ms) > 0:
            looks = self.is_swept and not self.is_down
            self.later(min(left, max(10_000, left // 20) if looks else left) / 1000, self.away, self.is_down)
            if looks:
                self.sweep()

    def later(self, seconds: float, away: Collection[str] = (), outage: bool = False) -> None:
        ids = tuple(self.people[name].id for name in away)
        pass_time(self.runtime.database, seconds, away=ids, outage=outage)
        self.ms += round(seconds * 1000)

    def boot(self, boot_id: str = "") -> None:
        """A server starts, and who is not away is there at once."""
        self.start(boot_id)
        for name in self.people.keys() - self.away:
            self.runtime.presence.see(self.people[name].id)
        self.sweep()

    def start(self, boot_id: str = "") -> None:
        """Another server process, on the same database; with a `boot_id` the machine was started again."""
        update = f"UPDATE server SET lease_until = 0, boot_id = coalesce(nullif('{boot_id}', ''), boot_id)"
        self.runtime.database.write(lambda db: db.conn.execute(update).close())
        self.runtime.prepare()
        before, self.sweeper = self.sweeper, Sweeper(self.runtime)
        if self.is_down:
            before.end()
        self.sweeper.begin()
        before.end()
        self.is_down = False

    def sweep(self) -> None:
        self.sweeper.sweep()

    def poll(self, side: str) -> None:
        self.runtime.presence.see(self.user(side).id)
        self.sweep()

    def ask(self, agent: str = "anna", limit: int | None = None, most: int | None = None) -> None:
        """An agent at their rate, or any at any rate; or at this one at most."""
        agent_id = None if agent == "any" else self.people[agent].id
        most = 100_000 if agent == "any" and most is None else most
        self.id = transitions.request(self.runtime, self.user("client"), agent_id, None, limit, most)[0]["id"]
        self.asked[self.id] = self.client

    def say(self, side: str) -> None:
        messages.send(self.runtime, self.user(side), self.id, "Bonjour", None)

    def limit(self, cents: int | None) -> None:
        transitions.limit(self.runtime, self.user("client"), self.id, cents)

    def answer(self, is_agreed: bool) -> None:
        """To what is offered, if anything is."""
        client, offer = self.user("client"), self.read()["transfer"]
        if not is_agreed:
            transitions.refuse_transfer(self.runtime, client, self.id)
        elif offer:
            self.agree(offer["agent_name"], offer["rate_per_minute"])

    def agree(self, agent: str, cents: int) -> None:
        agent_id = self.people[agent].id
        transitions.agree_to_transfer(self.runtime, self.user("client"), self.id, agent_id, cents)

    def transfer(self, agent: str) -> None:
        transitions.transfer(self.runtime, self.user("agent"), self.id, self.people[agent].id)

    def top_up(self, cents: int) -> None:
        balances.change(self.runtime, None, self.people[self.client].id, "top_up", cents, "Card")

    def pay_back(self, cents: int) -> None:
        balances.change(self.runtime, None, self.people[self.client].id, "refund", cents, "Card")

    def balance(self) -> int:
        return balances.of_user(self.runtime, self.people[self.client], 2**62, 1)["balance"]

    def read(self) -> dict[str, Any]:
        return timeline.read(self.runtime, self.people[self.client], self.id)

    def receipt(self) -> dict[str, Any]:
        return receipts.of_session(self.runtime, self.people[self.client], self.id)

    def user(self, side: str) -> User:
        """Who acts is there."""
        ids = {user.id: name for name, user in self.people.items()}
        name = ids[self.read()["agent"]["id"]] if side == "agent" else side.replace("client", self.client)
        self.away.discard(name)
        return self.people[name]

    def _person(self, name: str) -> User:
        role, email = "agent" if name in RATES else "client", f"{uuid4()}@story.example"
        cents, write = RATES.get(name, 0), self.runtime.database.write
        user_id = write(lambda db: users.insert(db, role, name, email, "none", cents, server.now(db)))
        write(lambda db: users.set_available(db, user_id, True))
        return User(user_id, role, name, b"")
