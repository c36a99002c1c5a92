"""Finding routes."""

import gc

import pytest

from app import create_app
from chat.demo import pairs
from chat.settings import Settings
from tests.server import password_hash


@pytest.fixture
def app(tmp_path):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    app.extensions["chat"].prepare()
    yield app
    app.extensions["chat"].close()


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/api/chat/messages/45", {"chat_session_id": "45"}),
        ("/api/chat/messages/0", {"chat_session_id": "0"}),
        ("/api/chat/messages/x", {"chat_session_id": "x"}),
        ("/api/chat/sessions/7/end", {"chat_session_id": "7"}),
        ("/static/12/3.css", {"filename": "12/3.css"}),
        ("/static/12/3", {"filename": "12/3"}),
        ("/static/0/3", {"filename": "0/3"}),
        ("/", {}),
    ],
)
def test_a_path_gives_the_values_that_are_in_it(app, path, values):
    adapter = app.url_map.bind("localhost")
    method = "POST" if path.endswith("/end") else "GET"
    for _ in range(2):
        assert adapter.match(path, method)[1] == values


def test_a_redirect_leads_to_the_same_session(app):
    answer = app.test_client().get("/api/chat//messages/45")
    assert (answer.status_code, answer.location) == (308, "http://localhost/api/chat/messages/45")


def test_a_request_leaves_nothing_to_the_collector(app):
    """Only the requests: sending takes a thread, which has its own."""
    talk = pairs.create(app.extensions["chat"], 1, password_hash())[0]
    client = app.test_client()

    def garbage(url):
        # Werkzeug's test client leaves some of its own; the matcher's has this name.
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        client.get(url, headers={"Authorization": f"Bearer {talk.tokens['client']}"})
        gc.collect()
        gc.set_debug(0)
        names = {getattr(each, "__qualname__", "") for each in gc.garbage}
        gc.garbage.clear()
        return names

    garbage(f"/api/chat/messages/{talk.id}")
    assert not any("match" in name for name in garbage(f"/api/chat/messages/{talk.id}"))
