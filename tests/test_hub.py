"""The hub: no wake-up is lost, and nothing is left behind."""

import random
import threading
from time import monotonic

import pytest

from chat.live.hub import Hub, TooManyWaiters
from tests.threads import together

PATIENCE_SECONDS = 20
LONG_AGO = 0.0


@pytest.fixture
def hub():
    return Hub(max_waiters=100, max_waiters_per_user=100, max_waiters_per_network=100)


def soon():
    """Later than any test waits: a wake-up that is lost is seen."""
    return monotonic() + 3 * PATIENCE_SECONDS


def until_it_waits(waiter):
    """Its thread is in Condition.wait."""
    while not waiter.condition._waiters:
        assert not threading.Event().wait(0.001)


def test_a_publication_between_subscribing_and_waiting_is_not_lost(hub):
    with hub.subscribe(1, ["a"]) as waiter:
        hub.publish(["a"], 5)
        assert waiter.wait(4, LONG_AGO) is True


def test_what_was_read_already_wakes_nobody(hub):
    with hub.subscribe(1, ["a"]) as waiter:
        hub.publish(["a"], 5)
        assert waiter.wait(5, LONG_AGO) is False
        hub.publish(["b"], 6)
        assert waiter.wait(5, LONG_AGO) is False


@pytest.mark.parametrize("topic", ["first", "second"])
def test_any_topic_of_a_waiter_wakes_it(hub, topic):
    with together() as threads, hub.subscribe(1, ["first", "second"]) as waiter:
        waiting = threads.submit(waiter.wait, 0, soon())
        until_it_waits(waiter)
        hub.publish([topic], 1)
        assert waiting.result(PATIENCE_SECONDS) is True


@pytest.mark.parametrize("let_go", ["release", "reset", "close"])
def test_a_waiter_can_be_let_go(hub, let_go):
    with together() as threads, hub.subscribe(1, ["a"]) as waiter:
        waiting = threads.submit(waiter.wait, 0, soon())
        waiter.release() if let_go == "release" else getattr(hub, let_go)()
        assert waiting.result(PATIENCE_SECONDS) is False


def test_a_closed_hub_keeps_nobody(hub):
    hub.close()
    with hub.subscribe(1, ["a"]) as waiter:
        assert waiter.wait(0, soon()) is False


def test_after_a_reset_lower_generations_wake_again(hub):
    with hub.subscribe(1, ["a"]):
        hub.publish(["a"], 100)
        hub.reset()
        with hub.subscribe(1, ["a"]) as waiter:
            hub.publish(["a"], 7)
            assert waiter.wait(6, LONG_AGO) is True


def test_the_caps_hold_for_the_process_and_for_each_owner():
    hub = Hub(max_waiters=3, max_waiters_per_user=2, max_waiters_per_network=3)
    with hub.subscribe(1, ["a"]), hub.subscribe(1, ["b"]):
        with pytest.raises(TooManyWaiters):
            hub.subscribe(1, ["c"])
        with hub.subscribe(2, ["a"]), pytest.raises(TooManyWaiters):
            hub.subscribe(3, ["a"])
    with hub.subscribe(1, ["c"]):
        assert hub.waiter_count() == 1


def test_a_nudge_wakes_without_a_generation(hub):
    with hub.subscribe(1, ["a"]) as waiter:
        hub.nudge("b")
        assert waiter.wait(5, LONG_AGO) is False
        hub.nudge("a")
        assert waiter.wait(5, LONG_AGO) is True
        assert waiter.wait(5, LONG_AGO) is False


def test_every_local_publication_is_relayed_once():
    relayed = []
    hub = Hub(1, 1, 1, lambda topics, generation: relayed.append((topics, generation)))
    hub.publish(["a"], 1)
    hub.wake(["a"], 2, "doorbell")
    assert relayed == [(["a"], 1)]


def test_a_topic_lives_as_long_as_its_waiters(hub):
    with hub.subscribe(1, ["a"]), hub.subscribe(2, ["a", "b"]):
        assert hub.topic_count() == 2
    assert (hub.topic_count(), hub.waiter_count()) == (0, 0)


def test_what_was_published_of_another_history_hides_nothing(hub):
    """A late announcement of before a restore is higher than all that comes after it."""
    with hub.subscribe(1, ["a"]) as waiter:
        hub.publish(["a"], 100)
        assert waiter.wait(10, LONG_AGO) is True
        hub.publish(["a"], 11)
        assert waiter.wait(10, LONG_AGO) is True
        assert waiter.wait(11, LONG_AGO) is False


def test_thousands_of_random_publications_lose_no_wake_up(hasty_threads):
    """Readers wait long for what writers commit and publish: one lost wake-up, and one waits in vain."""
    names, writers, readers, rounds = ["a", "b", "c"], 3, 9, 2000
    last = writers * rounds + 1
    hub = Hub(max_waiters=100, max_waiters_per_user=100, max_waiters_per_network=100)
    commit, stored = threading.Lock(), dict.fromkeys(["head", *names], 0)

    def publish(name):
        with commit:
            stored["head"] += 1
            generation = stored[name] = stored["head"]
        hub.publish([name], generation)

    def write(seed):
        pick = random.Random(seed)
        for _ in range(rounds):
            publish(pick.choice(names))

    def read(owner):
        """Follow two topics up to the last revision; returns how often it was woken."""
        position, wakes, mine = 0, 0, random.Random(owner).sample(names, 2)

        def newest():
            with commit:
                return max(stored[name] for name in mine), stored["head"]

        while position < last:
            with hub.subscribe(owner, mine) as waiter:
                found, seen = newest()
                while found == position:
                    assert waiter.wait(seen, soon())
                    wakes += 1
                    found, seen = newest()
                position = found
        return wakes

    with together() as threads:
        reading = [threads.submit(read, owner) for owner in range(readers)]
        threads.map(write, range(writers))
        with commit:
            stored.update(dict.fromkeys(stored, last))
        for name in names:
            hub.publish([name], last)
        assert sum(each.result() for each in reading) > readers
    assert (hub.topic_count(), hub.waiter_count()) == (0, 0)
