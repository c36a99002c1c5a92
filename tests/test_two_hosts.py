"""Two hosts on one PostgreSQL: whoever dies, what was acknowledged is there, once and in order for all."""

import itertools
import random
import signal
import subprocess
import threading
from collections import Counter
from contextlib import ExitStack, suppress

import pytest

from chat.errors import DatabaseUnavailable
from tests.client import Client
from tests.history import History, check
from tests.server import Server, await_listener, await_that
from tests.streams import CUT
from tests.test_history import LAST, READ, SIDES, TRANSPORTS, Place, stored_after
from tests.threads import together

SESSIONS, SENDERS = 5, 50
# How long a sender waits for one host before it asks the other.
PATIENCE_SECONDS = 10
PAUSE_SECONDS = 0.05
BRIDGE, NETWORK = "chatbridge", "10.77.0"


class Either(Client):
    """Somebody who asks one host, and the other when that one does not answer."""

    patience_seconds = PATIENCE_SECONDS

    def __init__(self, hosts, token, answered=None):
        self._addresses = itertools.cycle(host.address for host in hosts)
        self._answered = Counter() if answered is None else answered
        super().__init__(next(self._addresses), token)

    def turn(self):
        """To the other host, after a rest."""
        self.address = next(self._addresses)
        threading.Event().wait(PAUSE_SECONDS)

    def request(self, *what, **more):
        """Raises ConnectionRefusedError where the answer is to come back later."""
        answer = super().request(*what, **more)
        self._answered[answer.status] += 1
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) > 0, answer
            raise ConnectionRefusedError(503)
        assert answer.status in (200, 201), answer
        return answer


@pytest.fixture
def hosts(tmp_path, cluster, worker_classes):
    """Two, each with its own folder, processes and port."""
    with ExitStack() as stack:
        made = []
        for number, worker_class in enumerate(worker_classes):
            folder = tmp_path / str(number)
            folder.mkdir()
            url = made[0].database_url if made else cluster.new()
            made.append(stack.enter_context(Server(folder, url, worker_class=worker_class)))
        yield made


@pytest.mark.parametrize(
    ("worker_classes", "each"),
    [
        (("gevent", "gthread"), 12),
        pytest.param(("gevent", "gevent"), 200, marks=pytest.mark.soak),
        pytest.param(("gthread", "gthread"), 200, marks=pytest.mark.soak),
    ],
)
def test_a_host_is_killed_and_the_database_restarted_while_fifty_send(run, cluster, hosts, each):
    def kill():
        hosts[0].kill()
        hosts[0].start()

    def restart(how):
        cluster.stop(how)
        cluster.start()

    faults = [kill, lambda: restart(signal.SIGINT), lambda: restart(signal.SIGQUIT)]
    answered = talk_through(hosts, each, faults)
    assert set(answered) <= {200, 201, 503}, answered
    run(hosts[0], "verify")
    times = hosts[1].database.read(
        lambda db: db.conn.execute("SELECT created_at FROM messages ORDER BY id").fetchall()
    )
    assert sorted(times) == times
    assert all("Traceback" not in host.log for host in hosts)


@pytest.fixture
def apart(tmp_path, cluster):
    """Two hosts in network namespaces of their own, and the database at the address of the bridge between."""
    with ExitStack() as stack:
        ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(ip, "link", "del", BRIDGE)
        ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        cluster.stop()
        with (cluster.folder / "data/pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 trust\n")
        cluster.start(f"listen_addresses={NETWORK}.1")
        url = cluster.new().partition("?")[0].replace("@/", f"@{NETWORK}.1/")
        made = []
        for number in (2, 3):
            ip("netns", "add", f"chat{number}")
            stack.callback(ip, "netns", "del", f"chat{number}")
            ip("link", "add", f"chat{number}", "type", "veth", "peer", "eth0", "netns", f"chat{number}")
            ip("link", "set", f"chat{number}", "master", BRIDGE, "up")
            ip("-n", f"chat{number}", "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            ip("-n", f"chat{number}", "link", "set", "eth0", "up")
            folder = tmp_path / str(number)
            folder.mkdir()
            made.append(stack.enter_context(Apart(folder, url, number)))
        for host in made:
            await_listener(host, host.address)
        yield made


class Apart(Server):
    """In a namespace, at an address of its own."""

    def __init__(self, folder, url, number):
        super().__init__(folder, url)
        self.address = (f"{NETWORK}.{number}", 3000)
        self.environment["CHAT_BIND"] = f"{NETWORK}.{number}:3000"
        self.command = ("ip", "netns", "exec", f"chat{number}", *Server.command)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.mark.soak
@pytest.mark.parametrize("each", [12, 100])
def test_hosts_apart_lose_nothing_when_one_dies_is_cut_off_and_the_database_restarts(
    run, cluster, apart, each
):
    def kill():
        apart[0].kill()
        apart[0].start()

    def cut_off():
        """In the middle of whatever it writes: the other one goes on, and then both do."""
        ip("link", "set", "chat2", "down")
        goes_on = stored_messages(apart[1]) + 3 * SENDERS
        await_that(lambda: stored_messages(apart[1]) >= goes_on or stored_messages(apart[1]) >= 48 * each)
        ip("link", "set", "chat2", "up")

    def restart():
        cluster.stop()
        cluster.start(f"listen_addresses={NETWORK}.1")

    answered = talk_through(apart, each, [kill, cut_off, restart])
    assert set(answered) <= {200, 201, 503}, answered
    run(apart[1], "verify")


def stored_messages(host):
    try:
        return host.database.read(lambda db: db.conn.execute("SELECT count(*) FROM messages").fetchone()[0])
    except DatabaseUnavailable:
        return 0


def talk_through(hosts, each, faults):
    """50 senders and readers of each transport at each host, and the faults one after the other.

    Returns how often each status was answered; the histories have no mistake.
    """
    talks = [hosts[0].conversation() for _ in range(SESSIONS)]
    histories = [History() for _ in talks]
    places = [Place(talk) for talk in talks]
    answered, total = Counter(), SENDERS * each
    with together(*hosts) as threads:
        for number, (talk, history, place) in enumerate(zip(talks, histories, places, strict=True)):
            for turn in range(len(hosts)):
                who = getattr(talk, SIDES[turn])
                for transport in (TRANSPORTS * 2)[number : number + 2]:
                    either = Either(hosts[turn:] + hosts[:turn], who.token)
                    reader = history.reader(f"{talk.id} {turn} {transport}", place.last_id)
                    threads.submit(read, threads, reader, either, talk.id, Place(talk, place), transport)
                threads.submit(follow, threads, Either(hosts[turn:] + hosts[:turn], who.token), talk.id)
        writing = []
        for number in range(SENDERS):
            talk, history = talks[number % SESSIONS], histories[number % SESSIONS]
            turn = number // SESSIONS % 2
            token = getattr(talk, SIDES[number // 2 % 2]).token
            either = Either(hosts[turn:] + hosts[:turn], token, answered)
            writing.append(threads.submit(write, threads, history, either, talk.id, f"s{number}", each))

        def stored():
            threads.check()
            return sum(one.outcome == "acknowledged" for history in histories for one in history.sent)

        for number, fault in enumerate(faults, 1):
            least = total * number // (len(faults) + 1)
            await_that(lambda least=least: stored() >= least)
            assert stored() < total
            fault()
        for one in writing:
            one.result()
        for talk, history in zip(talks, histories, strict=True):
            write(threads, history, Either(hosts, talk.agent.token), talk.id, "last", 1, LAST)
    assert sum(len(history.sent) for history in histories) == total + SESSIONS
    for talk, history, place in zip(talks, histories, places, strict=True):
        assert check(history, stored_after(talk, place.last_id)) == []
    return answered


def write(threads, history, who, chat_session_id, name, count, text=None):
    """Send one after the other, each under its key until somebody acknowledges it."""
    for number in range(count):
        sent = history.send(f"{name}-{number}", text or f"{name} says {number}")
        while sent.outcome == "unknown":
            threads.check()
            try:
                answer = who.send(chat_session_id, sent.text, client_message_id=sent.key)
                sent.acknowledge(answer.json["messageId"])
            except CUT:
                who.turn()


def read(threads, reader, who, chat_session_id, place, transport):
    """Until the last message; who is cut comes back with the cursor, at the other host."""
    dice = random.Random(reader.name)
    while not (reader.received and reader.received[-1].text == LAST):
        threads.check()
        try:
            READ[transport](reader, who, chat_session_id, place, dice)
        except CUT:
            who.turn()


def follow(threads, who, chat_session_id):
    """Their inbox, from its cursor, until the last message is in it: nothing in it goes back."""
    cursor, last_id, preview = None, 0, ""
    while preview != LAST:
        threads.check()
        with suppress(*CUT):
            page = who.inbox(
                **({} if cursor is None else {"cursor": cursor, "longPoll": "true", "wait": 5})
            ).json
            assert page["cursor"] >= (cursor or 0)
            cursor = page["cursor"]
            for card in page["sessions"]:
                assert card["id"] == chat_session_id and card["last_message_id"] >= last_id
                last_id, preview = card["last_message_id"], card["last_message"]["message"]
            continue
        who.turn()
