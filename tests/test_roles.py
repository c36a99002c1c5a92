"""Somebody gets another role, and what would break is refused."""

import pytest

from tests.pages.visitor import email_of
from tests.streams import SSE
from tests.test_cli import refused


@pytest.fixture
def server(start):
    return start()


def role(server, run, who, name):
    return run(server, "users", "role", email_of(server, who), name)


def test_a_client_becomes_an_agent_and_signs_in_anew(server, run):
    client, other = server.person("client"), server.person("client")
    with SSE(client, "/api/chat/stream") as stream:
        next(stream)
        assert role(server, run, client, "agent") == f"{email_of(server, client)}: agent\n"
        assert "message" not in [event.name for event in stream]
    assert client.inbox().status == 401
    token = run(server, "token", email_of(server, client)).strip()
    assert server.client(token).post("/api/chat/agents/me", {"available": True}).status == 200
    assert client.id in [each["id"] for each in other.get("/api/chat/agents").json["agents"]]
    assert role(server, run, client, "agent").endswith("agent already\n")
    audited = run(server, "audit", "--kind", "role_changed").strip()
    assert audited.endswith("client → agent")
    assert len(audited.splitlines()) == 1


def test_what_would_break_is_refused(server, run):
    client, agent, admin = (server.person(each) for each in ("client", "agent", "admin"))

    def told(who, name):
        done = refused(server, "users", "role", email_of(server, who), name)
        assert done.returncode == 2
        return done.stderr

    assert "last administrator" in told(admin, "client")
    talk = client.ask(agent_id=agent.id)["id"]
    assert "conversations go on" in told(client, "agent")
    agent.do("accept", talk)
    agent.send(talk, "Bonjour")
    server.advance(30)
    assert "conversations go on" in told(agent, "client")
    client.do("end", talk)
    assert "2.50 are owed" in told(agent, "client")
    run(server, "pay-out", email_of(server, agent), "2.50", "--reason", "Bank")
    assert role(server, run, agent, "admin").endswith("admin\n")
    run(server, "top-up", email_of(server, client), "5", "--reason", "Bank")
    assert "5.00 of their balance are left" in told(client, "agent")
    assert role(server, run, admin, "client").endswith("client\n")
    assert "All totals and balances are right." in run(server, "verify")
    run(server, "users", "disable", email_of(server, admin))
    run(server, "erase", email_of(server, admin), "--yes")
    done = refused(server, "users", "role", f"erased-{admin.id}", "agent")
    assert (done.returncode, "erased" in done.stderr) == (2, True)
    assert refused(server, "users", "role", email_of(server, agent), "root").returncode == 2
