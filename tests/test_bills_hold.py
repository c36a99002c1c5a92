"""Whatever happens, in whatever order, noticed or not: the bill holds."""

from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat import errors
from chat.runtime import Runtime
from chat.settings import Settings
from tests.story import RATES, Story
from tests.test_billing import agrees, audit

REFUSALS = (
    errors.Forbidden,
    errors.InsufficientBalance,
    errors.InvalidParameter,
    errors.NotFound,
    errors.SessionEnded,
    errors.SpendingLimitReached,
    errors.WrongStatus,
)

CENTS = [0, 100, 249, 250, 500, 600, 750, 1000, 2000]
BY_EITHER = [
    (act, side)
    for act in ("say", "say", "say", "pause", "resume", "resume", "leave", "poll")
    for side in ("client", "agent")
]
EVENTS = [
    *BY_EITHER,
    *(("limit", cents) for cents in (None, 250, 600, 1000)),
    *(("transfer", name) for name in RATES),
    *(("answer", is_agreed) for is_agreed in (True, True, False)),
    *(("top_up", cents) for cents in (100, 250, 1000)),
    *(("outage", ms) for ms in (20_000, 40_000, 4_000_000)),
    *[("sweep",)] * 4,
    ("boot",),
    ("boot", "another"),
    ("end",),
]
MS = [0, 1, 1000, 3000, 20_000, 29_000, 31_000, 44_000, 46_000, 59_000, 60_000, 61_000, 120_000]
waits = st.one_of(st.sampled_from(MS), st.integers(0, 100_000), st.integers(0, 400_000))


@pytest.fixture(scope="module")
def runtime_of(tmp_path_factory):
    opened = []

    @cache
    def runtime_of(**chosen):
        path = tmp_path_factory.mktemp("bills") / "chat.db"
        opened.append(Runtime(Settings(database_url=f"sqlite:///{path}", **chosen)))
        opened[-1].prepare()
        return opened[-1]

    yield runtime_of
    for runtime in opened:
        runtime.close()


def happen(story, event, *words):
    """At this very instant nothing costs anything, not even noticing what time has done."""
    before = story.read()["total_cost"]
    if event == "leave":
        story.away.add(story.user(words[0]).name)
    else:
        with suppress(*REFUSALS):
            getattr(story, event)(*words)
    assert agrees(story)["total_cost"] == before


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
@given(
    prepaid=st.booleans(),
    free_seconds=st.sampled_from([0, 0, 60, 45]),
    billing_starts=st.sampled_from(["first_message", "first_message", "accept"]),
    limit=st.sampled_from([None, None, *CENTS]),
    balance=st.sampled_from(CENTS[1:]),
    events=st.lists(st.tuples(waits, st.sampled_from(EVENTS)), min_size=3, max_size=25),
)
def test_a_bill_holds_whatever_happens(runtime_of, limit, balance, events, **chosen):
    story = Story(runtime_of(**chosen))
    try:
        # Who asks can pay for a minute; when the agent accepts they may have less.
        if chosen["prepaid"]:
            story.top_up(balance + RATES["anna"])
        story.ask("anna", limit)
        if chosen["prepaid"]:
            story.pay_back(RATES["anna"])
        story.accept()
        story.say("agent")
        for wait, (event, *words) in events:
            story.at((story.ms + wait) / 1000)
            if event == "outage":
                story.is_down = True
                story.at((story.ms + words[0]) / 1000)
                event, words = "boot", ()
            happen(story, event, *words)
        happen(story, "sweep")
        happen(story, "end")
        assert story.receipt()["is_final"]
        audit(story)
    finally:
        story.close()
