"""The servers that tests speak to."""

import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from chat import money, store
from chat.runtime import Runtime
from chat.settings import Settings
from tests.browser import Visitor, launch
from tests.client import Client, Conversation, cut
from tests.faults import tally
from tests.postgres import Postgres, running
from tests.proxy import Proxy
from tests.server import CLASSES, COMMAND, PATIENCE_SECONDS, ROOT, Server
from tests.test_billing import Told
from tests.time_travel import pass_time

COMBINATIONS = list(itertools.product(CLASSES, (1, 2)))
ENGINES = ("sqlite", "postgresql")
# What is about data, and has servers of its own; tests with `server` are on both engines anyway.
ON_BOTH = {
    f"tests.test_{name}"
    for name in (
        *("billing", "books", "earnings", "edits", "missed", "payments", "prepaid", "requests", "search"),
        *("timeline", "top_ups", "waiting", "webhooks"),
    )
}
# Two of them stand for both classes, for one worker and for two; the others are soaked.
SERVERS = [
    pytest.param((*pair, engine), marks=() if pair in (("gevent", 2), ("gthread", 1)) else pytest.mark.soak)
    for engine in ENGINES
    for pair in COMBINATIONS
]

# They hold the longest tests: begun last, one process would be left with them.
FIRST = ("test_stopping.py", "test_live.py", "test_ladder.py", "test_diagnosis.py", "test_look.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of the tests gives what its histories counted to the one that prints it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["counted"] = dict(tally.counted)


def pytest_testnodedown(node: Any) -> None:
    tally.counted.update(Counter(getattr(node, "workeroutput", {}).get("counted", {})))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tally.counted:
        terminalreporter.section("histories")
        terminalreporter.write("\n".join(tally.table(tally.counted)) + "\n")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One for each process of the tests."""
    with running() as cluster:
        yield cluster


@pytest.fixture
def cluster() -> Iterator[Postgres]:
    """A PostgreSQL that only one test has, and restarts."""
    with running() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def new_database(request) -> Callable[[str], str]:
    """The address of a new database of this engine; empty for a file in the folder of its server."""
    return lambda engine: request.getfixturevalue("postgres").new() if engine == "postgresql" else ""


@pytest.fixture(scope="session")
def engine(request) -> str:
    """Both, one after the other, in the modules of ON_BOTH."""
    return getattr(request, "param", ENGINES[0])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    of_files = metafunc.definition.get_closest_marker("on_a_file")
    if "engine" in metafunc.fixturenames and metafunc.module.__name__ in ON_BOTH and not of_files:
        metafunc.parametrize("engine", ENGINES, indirect=True, scope="session")


@pytest.fixture(scope="session", params=SERVERS, ids=lambda kind: "-".join(map(str, kind)))
def server(request, tmp_path_factory, new_database) -> Iterator[Server]:
    """One of each kind that the contract must hold for; each test brings its own people."""
    worker_class, workers, engine = request.param
    folder, url = tmp_path_factory.mktemp("server"), new_database(engine)
    with Server(folder, url, worker_class=worker_class, workers=workers) as running:
        yield running


@pytest.fixture(scope="session")
def site(tmp_path_factory, new_database, engine) -> Iterator[Server]:
    """Two workers, for people with browsers and devices; each test brings its own."""
    folder, url = tmp_path_factory.mktemp("site"), new_database(engine)
    with Server(folder, url, workers=2, push_anywhere=1, webhooks_anywhere=1) as running:
        yield running


@pytest.fixture(autouse=True)
def nobody_waits_longer_than_the_test() -> Iterator[None]:
    """What one has left waiting at a server would disturb the next."""
    yield
    cut()


@pytest.fixture(autouse=True)
def a_process_has_one_currency() -> Iterator[None]:
    """That of the runtime which was made last: the next test's is the usual one again."""
    yield
    money.use("EUR")


@pytest.fixture
def runtime(tmp_path: Path, new_database, engine) -> Iterator[Runtime]:
    """What a process of the server owns, with a database of its own, and no server around it."""
    url = new_database(engine) or f"sqlite:///{tmp_path}/chat.db"
    runtime = Runtime(Settings(database_url=url, attachments_folder=f"{tmp_path}/chat.files"))
    runtime.prepare()
    yield runtime
    runtime.stop()
    runtime.close()


@pytest.fixture
def story_from(tmp_path: Path, new_database, engine) -> Iterator[Callable[..., Told]]:
    """Begin a story at an instant, with its own database and settings."""
    with ExitStack() as opened:

        def begin(instant: str, **chosen: Any) -> Told:
            url = new_database(engine) or f"sqlite:///{tmp_path / 'chat.db'}"
            runtime = Runtime(Settings(database_url=url, **chosen))
            opened.callback(runtime.close)
            runtime.prepare()
            now = runtime.database.read(store.server.now)
            pass_time(runtime.database, datetime.fromisoformat(instant).timestamp() - now / 1000)
            story = Told(runtime)
            opened.callback(story.close)
            return story

        yield begin


@pytest.fixture
def talk(server) -> Conversation:
    """A conversation that no other test knows of."""
    return server.conversation()


@pytest.fixture
def client(server) -> Client:
    """A new client."""
    return server.person("client", "Camille Moreau")


@pytest.fixture
def agent(server) -> Client:
    """A new agent, who takes requests."""
    return server.person("agent", "Dr Anaïs Laurent")


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that are interrupted as often as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def start(tmp_path: Path, new_database, engine) -> Iterator[Callable[..., Server]]:
    """Start servers with other settings, or to be signalled and killed; those in one folder share one."""
    urls: dict[Path, str] = {}
    with ExitStack() as stack:
        folders = (tmp_path / str(number) for number in itertools.count())

        def start_one(folder: Path | None = None, **settings: Any) -> Server:
            folder = folder or next(folders)
            folder.mkdir(exist_ok=True)
            if "database_url" not in settings:
                settings["database_url"] = urls.setdefault(folder, new_database(engine))
            return stack.enter_context(Server(folder, **settings))

        yield start_one


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once for each process of the tests."""
    with launch() as running:
        yield running


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visitor]]:
    """Open a browser of their own for somebody; at the end, nothing went wrong in any."""
    visitors: list[Visitor] = []

    def open_one(server: Server | Proxy, who: Client | None = None, **options: Any) -> Visitor:
        visitors.append(Visitor(browser, server.url, who and who.token, **options))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        visitor.close()
    assert [problem for visitor in visitors for problem in visitor.problems] == []


@pytest.fixture(params=CLASSES)
def worker_class(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Run a `flask chat` command beside a server; returns what it printed."""

    def run_one(server: Server, *words: object) -> str:
        done = subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=ROOT,
            env=server.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    return run_one
