"""What a worker remembers of heads: the newest ones, however many threads ask."""

from types import SimpleNamespace

from chat.worker import memory
from chat.worker.memory import Memory
from tests.threads import together


def answered(remembered, head):
    pieces = remembered.answer(head, SimpleNamespace(), SimpleNamespace(), None)
    return pieces and b"".join(pieces)


def again(name):
    return lambda connection, request, start_response: [name]


def test_the_head_that_did_not_come_for_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(memory, "REMEMBERED", 2)
    remembered = Memory()
    for name in (b"a", b"b"):
        remembered.remember(name, again(name))
    assert answered(remembered, b"a") == b"a"
    remembered.remember(b"c", again(b"c"))
    assert [answered(remembered, name) for name in (b"a", b"b", b"c")] == [b"a", None, b"c"]


def test_many_threads_remember_and_ask_at_once(monkeypatch):
    monkeypatch.setattr(memory, "REMEMBERED", 5)
    remembered, names = Memory(), [bytes([number]) for number in range(20)]

    def use(name):
        for _ in range(2000):
            remembered.remember(name, again(name))
            assert answered(remembered, name) in (name, None)

    with together() as threads:
        list(threads.map(use, names))
    assert sum(answered(remembered, name) is not None for name in names) == 5
