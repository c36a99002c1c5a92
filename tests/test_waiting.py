"""Holding a request: nothing falls between reading and waiting, and it is held as long as it should be."""

from types import SimpleNamespace
from typing import ClassVar

import pytest

from chat import waiting
from chat.accounts import User
from chat.live.hub import HERE
from chat.settings import Settings
from chat.web.held import LongPoll
from tests.threads import together

USER = User(1, "client", "Camille", b"")
PATIENCE_SECONDS = 20


def test_what_is_published_right_after_a_read_is_not_missed(runtime):
    class Reader:
        heads: ClassVar = []

        def read(self, db):
            self.heads.append(len(self.heads))
            runtime.hub.publish(["a"], len(self.heads))
            return SimpleNamespace(head=self.heads[-1], revisions=[])

        begin = read

        def is_news(self, page):
            return page.head == 3

    with together() as threads:
        held = threads.submit(waiting.wait, runtime, USER, ["a"], Reader(), 3 * PATIENCE_SECONDS, HERE)
        page, was_held = held.result(PATIENCE_SECONDS)
    assert (page.head, was_held) == (3, True)


@pytest.mark.parametrize(("asked", "longest"), [(None, 25), (10, 10), (1000, 25), (0, 0)])
def test_the_hold_is_jittered_and_never_longer_than_asked_or_set(asked, longest):
    holds = [LongPoll(wait=asked).seconds(Settings()) for _ in range(100)]
    assert all(0.9 * longest <= hold <= longest for hold in holds)
    assert len(set(holds)) > 90 or longest == 0
