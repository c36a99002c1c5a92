"""What a release has written, the next versions take over."""

import re

import pytest

from chat import store
from tests import released
from tests.server import ROOT
from tests.test_cli import rows

VERSIONS = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
# One that goes on, or is paused because nobody has come back yet.
TALK = "SELECT * FROM chat_sessions WHERE status = 'active' OR pause_reason LIKE '%absent' LIMIT 1"
KEPT = {table: f"SELECT * FROM {table}" for table in ("messages", "ledger", "books", "billing_intervals")}


def test_every_release_is_kept_and_the_last_one_is_this_version():
    assert VERSIONS[0] == released.VERSION
    assert {released.dump_of(each) for each in VERSIONS} == set(released.FOLDER.iterdir())


@pytest.mark.parametrize("version", VERSIONS)
def test_who_updates_a_release_goes_on_where_they_were(version, start, run, tmp_path):
    folder = tmp_path / version
    folder.mkdir()
    before = released.load(version, folder / "chat.db", KEPT)
    assert all(before.values())
    server = start(folder, workers=2, prepaid=1)
    assert {table: len(rows(server, KEPT[table])) for table in KEPT} == {
        table: len(found) for table, found in before.items()
    }
    assert "All totals and balances are right." in run(server, "verify")
    (talk,) = rows(server, TALK)
    people = [
        server.database.read(lambda db, side=side: store.users.by_id(db, talk[f"{side}_id"]))
        for side in ("client", "agent")
    ]
    client, agent = (server.client(run(server, "token", each["email"]).strip()) for each in people)
    texts = [row["message"] for row in before["messages"] if row["chat_session_id"] == talk["id"]]
    assert client.fetch(talk["id"]).texts == texts
    assert agent.send(talk["id"], "Encore là").status == 201
    assert client.fetch(talk["id"], cursor=0).texts == [*texts, "Encore là"]
