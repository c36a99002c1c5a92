"""Mails: who gets which, once, in their language, and what a mail server that fails changes about it."""

import json
import re
import socket
import subprocess
import threading
from urllib.parse import urlsplit

import pytest

from chat import store
from chat.mail.message import Letter, message
from chat.settings import Settings
from tests.mail_server import MailServer, certificate
from tests.pages.visitor import PASSWORD, Visitor, email_of, link_in, log_in
from tests.server import COMMAND, PATIENCE_SECONDS, Server
from tests.test_look import serious

URL = "https://chat.example.org/talk"
FROM = "Tête-à-tête <chat@example.org>"
# What people write to each other: in no mail.
CANARY = "canary-7f3a"


@pytest.fixture(scope="module")
def mails():
    with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory, mails):
    """Two workers, of which one tells of what happens; its clock these tests set."""
    folder = tmp_path_factory.mktemp("mail")
    with Server(folder, workers=2, smtp_url=mails.url(), mail_from=FROM, url=URL) as running:
        yield running


@pytest.fixture
def server(house):
    return house


def change(server, person, **columns):
    server.database.write(lambda db: store.users.update(db, person.id, **columns))


def await_that(is_so):
    """Ask until it is so; the test's own time is the limit."""
    while not is_so():
        threading.Event().wait(0.01)


def waiting(server):
    """The mails in the outbox: how often each was tried in vain, by whom it is for."""

    def read(db):
        # One that is being carried is due much later than one that is tried again.
        query = "SELECT target, attempts - (due_at > ?) AS failed FROM outbox WHERE kind = 'mail'"
        rows = db.conn.execute(query, (store.server.now(db) + 60_000,)).fetchall()
        return {row["target"]: row["failed"] for row in rows}

    return server.database.read(read)


def await_sent(server):
    await_that(lambda: not waiting(server))


def witness(server, mails):
    """Whatever was to be told of what has happened, has been told when this returns."""
    email = have_receipt(server)
    mails.next(email)
    await_sent(server)


def have_receipt(server, **columns):
    """Somebody to whom one is due, with a canary in the conversation: their email."""
    talk = server.conversation()
    if columns:
        client_id = talk.client.show(talk.id)["client"]["id"]
        server.database.write(lambda db: store.users.update(db, client_id, **columns))
    talk.agent.send(talk.id, CANARY)
    server.advance(1)
    assert talk.client.do("end", talk.id).status == 200
    return talk.emails["client"]


def ask_link(server, email, **headers):
    return Visitor(server).post("/forgotten", email=email, headers=headers)


# Each brings one about and returns (whom it is for, what a link in it begins with).


def receipt(server, language):
    email = have_receipt(server, language=language)
    return email, "/sessions/"


def request(server, language):
    agent, client = server.person("agent"), server.person("client", "Ana Sousa")
    change(server, agent, language=language)
    client.ask(agent_id=agent.id, message=CANARY)
    server.advance(160, away=(agent.id,))
    return email_of(server, agent), "/sessions/"


def unread(server, language):
    talk = server.conversation()
    agent_id = talk.client.show(talk.id)["agent"]["id"]
    server.database.write(lambda db: store.users.update(db, agent_id, language=language))
    for _ in range(3):  # And what is there from the beginning.
        talk.client.send(talk.id, CANARY)
    server.advance(320, away=(agent_id,))
    return talk.emails["agent"], "/inbox"


def answer(server, language):
    agent, client = server.person("agent", "Dr Anaïs Laurent"), server.person("client")
    change(server, client, language=language)
    asked = client.ask(message="Anybody?")["id"]
    client.do("cancel", asked)
    assert agent.post(f"/api/chat/missed/{asked}/answer", {"answer": CANARY}).status == 201
    return email_of(server, client), "/sessions/"


def password(server, language):
    client = server.person("client")
    change(server, client, language=language)
    assert ask_link(server, email_of(server, client)).status == 303
    return email_of(server, client), "/links/"


def invitation(server, language):
    office = Visitor(server, server.person("admin"))
    change(server, office.person, language=language)
    email = f"new-{language}-{office.person.id}@example.net"
    page = office.open("/admin/people")
    sent = office.fill(page, "/admin/invitations", role="agent", mail_to=email)
    assert sent.status == 200 and "/links/" not in sent.text
    return email, "/links/"


def new_person(server, language):
    office = Visitor(server, server.person("admin"))
    change(server, office.person, language=language)
    email = f"added-{language}-{office.person.id}@example.net"
    page = office.open("/admin/people")
    shown = office.fill(page, "/admin/people", name="Ana Sousa", email=email, role="client", by_mail="1")
    assert shown.status == 200 and "/links/" not in shown.text
    return email, "/links/"


SUBJECTS = {
    receipt: (r"Receipt \d+: €2\.50", r"Reçu \d+\xa0: 2,50\xa0€"),
    request: ("You missed a request of Ana Sousa", "Vous avez manqué une demande de Ana Sousa"),
    unread: ("4 unread messages", "4 messages non lus"),
    answer: (
        "Dr Anaïs Laurent has answered your request",
        "Dr Anaïs Laurent a répondu à votre demande",
    ),
    password: ("Choose a password", "Choisissez un mot de passe"),
    invitation: (
        r"You are invited to chat\.example\.org/talk",
        r"Vous êtes invité\(e\) sur chat\.example\.org/talk",
    ),
    new_person: ("Choose a password", "Choisissez un mot de passe"),
}
OFF = {"en": "Turn off these mails on your profile", "fr": "Désactiver ces e-mails dans votre profil"}


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("happen", SUBJECTS, ids=lambda kind: kind.__name__)
def test_each_kind_of_mail_is_in_the_language_of_its_reader_without_a_word(house, mails, happen, language):
    to, path = happen(house, language)
    mail = mails.next(to)
    assert (mail.sender, mail.recipients, mail.message["To"]) == ("chat@example.org", [to], to)
    assert mail.message["From"] == FROM
    assert re.fullmatch(SUBJECTS[happen][language == "fr"], mail.subject)
    assert mail.message["Content-Language"] == language
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Date"].datetime.tzinfo
    assert f'<html lang="{language}">' in mail.html
    for part in (mail.text, mail.html):
        assert f"{URL}{path}" in part
        is_told = happen in (receipt, request, unread, answer)
        assert (OFF[language] in part) == (f"{URL}/profile#mails" in part) == is_told
    assert CANARY not in mail.message.as_string()
    await_sent(house)
    assert mails.has_none(to)


def test_words_are_in_them_where_the_setting_says_so(start, mails):
    server = start(smtp_url=mails.url(), mail_from=FROM, url=URL, mail_words=1, worker_class="gthread")
    for happen in (request, unread, answer):
        mail = mails.next(happen(server, "en")[0])
        assert CANARY in mail.text and CANARY in mail.html
    assert CANARY not in mails.next(receipt(server, "en")[0]).message.as_string()


def test_who_turns_mails_off_gets_none_but_a_link_for_a_new_password(house, mails):
    client, agent = house.person("client"), house.person("agent")
    visitor = Visitor(house, client)
    page = visitor.open("/profile")
    assert "your receipts, and answers to requests that nobody took" in page.text
    assert "gets no mails" in visitor.fill(page, "/profile/mails").text
    asked = client.ask()["id"]
    client.do("cancel", asked)
    agent.post(f"/api/chat/missed/{asked}/answer", {"answer": "Yes?"})
    assert "turn them on, and you are told" in visitor.open(f"/sessions/{asked}").text
    witness(house, mails)
    email = email_of(house, client)
    assert mails.has_none(email)
    ask_link(house, email)
    assert mails.next(email).link
    # Turned on, they get what has come since, and not long before.
    assert f"{email} gets your receipts" in visitor.fill("/profile", "/profile/mails").text
    assert email in visitor.open(f"/sessions/{asked}").text
    assert mails.next(email).subject == "Somebody has answered your request"
    assert Visitor(house, house.person("admin")).post("/profile/mails", mails="0").status == 403


def test_what_is_unread_is_told_once_until_the_agent_comes(house, mails):
    talk = house.conversation()
    agent_id, email = talk.client.show(talk.id)["agent"]["id"], talk.emails["agent"]

    def come(and_read=False):
        """For an instant, and without a request, of which the server would know for a while."""

        def write(db):
            store.users.see(db, [agent_id], store.server.now(db))
            if and_read:
                db.conn.execute(
                    "UPDATE chat_sessions SET agent_read_id = last_message_id WHERE id = ?", (talk.id,)
                )

        house.database.write(write)

    talk.client.send(talk.id, "one")
    house.advance(200, away=(agent_id,))
    talk.client.send(talk.id, "two")
    witness(house, mails)
    assert mails.has_none(email)  # They may come back.
    house.advance(120, away=(agent_id,))
    assert mails.next(email).subject == "3 unread messages"
    talk.client.send(talk.id, "three")
    house.advance(320, away=(agent_id,))
    witness(house, mails)
    assert mails.has_none(email)
    come()
    house.advance(320, away=(agent_id,))
    assert mails.next(email).subject == "4 unread messages"
    come(and_read=True)
    house.advance(320, away=(agent_id,))
    witness(house, mails)
    assert mails.has_none(email)
    # What has ended meanwhile is told, too.
    talk.client.send(talk.id, "four")
    assert talk.client.do("end", talk.id).status == 200
    house.advance(320, away=(agent_id,))
    assert mails.next(email).subject == "1 message that you have not read"


def test_a_request_is_missed_by_who_was_away_and_not_by_who_was_there(house, mails):
    here, away, client = house.person("agent"), house.person("agent"), house.person("client")
    for agent in (here, away):
        assert client.ask(agent_id=agent.id, message="Hello?")["status"] == "waiting"
    house.advance(160, away=(away.id,))
    mails.next(email_of(house, away))
    witness(house, mails)
    assert mails.has_none(email_of(house, here)) and mails.has_none(email_of(house, away))


def test_an_answer_is_told_unless_its_agent_was_asked_meanwhile(house, mails):
    client, agent = house.person("client"), house.person("agent")
    asked = client.ask(message="Anybody?")["id"]
    client.do("cancel", asked)
    assert email_of(house, client) in Visitor(house, client).open(f"/sessions/{asked}").text
    mails.go_away()
    try:
        agent.post(f"/api/chat/missed/{asked}/answer", {"answer": "Yes?"})
        await_that(lambda: waiting(house).get(str(client.id)))
        assert client.ask(agent_id=agent.id)["status"] == "waiting"
    finally:
        mails.come_back()
    house.advance(7)
    await_sent(house)
    assert mails.has_none(email_of(house, client))


def test_a_forgotten_password_is_chosen_anew_by_one_link_at_a_time(house, mails):
    client = house.person("client")
    email = email_of(house, client)
    unknown, known = (ask_link(house, each) for each in ("nobody@example.net", email))
    same = [(each.status, each.location, each.body) for each in (unknown, known)]
    assert same[0] == same[1]
    assert known.status == 303
    assert "If there is an account with this address" in Visitor(house).open(known.location).text
    older = mails.next(email).link
    ask_link(house, email.upper())
    link = mails.next(email).link
    await_sent(house)
    assert mails.has_none("nobody@example.net")
    guest = Visitor(house)
    assert guest.open(f"/links/{older}").status == 404
    assert email in guest.open(f"/links/{link}").text
    answer = guest.post(f"/links/{link}", password="another horse")
    assert (answer.status, answer.location) == (303, "/agents")
    assert client.get("/api/chat/sessions").status == 401
    assert guest.open(f"/links/{link}").status == 404
    assert log_in(house, email, "another horse")[1].status == 303
    assert link not in house.log


def test_a_link_that_was_asked_for_lasts_an_hour_and_leaves_an_administrators_alone(house, mails):
    client, office = house.person("client"), Visitor(house, house.person("admin"))
    email, page = email_of(house, client), f"/admin/people/{client.id}"
    handed_on = link_in(office.fill(page, f"{page}/reset"))
    ask_link(house, email)
    link = mails.next(email).link
    assert Visitor(house).open(f"/links/{link}").status == 200
    house.advance(3_540)
    assert Visitor(house).open(f"/links/{link}").status == 200
    house.advance(120)
    assert Visitor(house).open(f"/links/{link}").status == 404
    assert Visitor(house).open(handed_on).status == 200
    ask_link(house, email)
    mails.next(email)
    assert "on its way" in office.fill(page, f"{page}/mail").text
    sent = mails.next(email).link
    # A new password ends all other links.
    assert Visitor(house).post(f"/links/{sent}", password="another horse").status == 303
    assert Visitor(house).open(handed_on).status == 404


def test_links_are_asked_for_a_few_times_known_or_not(start, mails):
    server = start(smtp_url=mails.url(), mail_from=FROM, url=URL, logins_per_minute_per_address=9)
    email = email_of(server, server.person("client"))
    for each in (email, "nobody@example.net"):
        # From wherever they ask.
        asked = [ask_link(server, each, X_Forwarded_For=f"203.0.113.{number}") for number in range(4)]
        assert [answer.status for answer in asked] == [303, 303, 303, 429]
        assert asked[-1].alert == "Too many attempts; wait a while."
        assert asked[-1].form("/forgotten")["email"] == each
    # Nine, and those that come back meanwhile on a slow machine.
    one = (ask_link(server, f"n{number}@example.net", X_Forwarded_For="203.0.113.9") for number in range(90))
    assert next(answer.status for answer in one if answer.status != 303) == 429
    wrong = ask_link(server, "no address")
    assert (wrong.status, wrong.alert) == (400, "Enter an email address, like name@example.org.")


def test_what_administrators_send_is_noted_and_for_themselves_there_is_the_profile(house, mails):
    root, client = house.person("admin"), house.person("client")
    office = Visitor(house, root)
    assert office.post(f"/admin/people/{root.id}/mail").status == 403
    assert office.post(f"/admin/people/{client.id}/mail").status == 303
    assert office.post("/admin/invitations", role="agent", mail_to="noted@example.net").status == 303
    assert office.post(f"/admin/people/{2**40}/mail").status == 404
    entries = root.get(f"/api/chat/audit?userId={root.id}").json["entries"]
    assert [each["kind"] for each in entries][:2] == ["invited", "password_link"]
    # One who has forgotten theirs is one of them.
    ask_link(house, email_of(house, root))
    mails.next(email_of(house, root))
    assert root.get(f"/api/chat/audit?userId={root.id}").json["entries"][0]["kind"] == "password_link"


def test_nobody_who_is_disabled_gets_a_link(house, mails):
    client, office = house.person("client"), Visitor(house, house.person("admin"))
    office.post(f"/admin/people/{client.id}/disable")
    assert ask_link(house, email_of(house, client)).status == 303
    await_sent(house)
    assert mails.has_none(email_of(house, client))


def test_an_invitation_signs_up_whom_it_is_for_and_is_replaced_by_a_later_one(house, mails):
    office, email = Visitor(house, house.person("admin")), "invited@example.net"
    links = []
    for role in ("agent", "client"):
        office.post("/admin/invitations", role=role, mail_to=email)
        links.append(mails.next(email).link)
    assert Visitor(house).open(f"/links/{links[0]}").status == 404
    guest = Visitor(house)
    page = guest.open(f"/links/{links[1]}")
    (form,) = (each for each in page.read.forms if "password" in each["fields"])
    assert form["fields"]["email"] == email
    answer = guest.post(f"/links/{links[1]}", name="New", email=email, password=PASSWORD)
    assert (answer.status, answer.location) == (303, "/agents")
    wrong = office.post("/admin/invitations", role="client", mail_to="nowhere")
    assert (wrong.status, wrong.alert) == (400, "Enter an email address, like name@example.org.")
    agent = Visitor(house, house.person("agent"))
    assert agent.post("/admin/invitations", role="agent", mail_to=email).status == 403


def test_a_mail_server_that_is_away_for_a_minute_loses_no_mail_and_doubles_none(house, mails):
    clients = [house.person("client") for _ in range(12)]
    emails = [email_of(house, each) for each in clients]
    mails.go_away()
    try:
        emails += [have_receipt(house) for _ in range(12)]
        for email in emails[:12]:
            assert ask_link(house, email).status == 303
        await_that(lambda: [n >= 1 for n in waiting(house).values()] == [True] * 24)
        house.advance(30)
        await_that(lambda: [n >= 2 for n in waiting(house).values()] == [True] * 24)
        house.advance(30)
        await_that(lambda: [n >= 3 for n in waiting(house).values()] == [True] * 24)
    finally:
        mails.come_back()
    house.advance(30)
    for email in emails:
        mails.next(email)
    await_sent(house)
    assert all(map(mails.has_none, emails))
    assert house.log.count("A mail goes later: 127.0.0.1:") >= 24


def test_what_the_server_refuses_for_good_is_given_up_and_what_it_refuses_now_is_tried_again(house, mails):
    gone, busy = (email_of(house, house.person("client")) for _ in range(2))
    mails.refusals.append("550 5.1.1 No such user here")
    ask_link(house, gone)
    await_sent(house)
    assert "Given up a mail, which is refused for good: 550 5.1.1 No such user here" in house.log
    assert mails.has_none(gone)
    mails.refusals.append("451 Try again")
    ask_link(house, busy)
    await_that(lambda: waiting(house).get(busy) == 1 and not mails.refusals)
    house.advance(7)
    mails.next(busy)
    await_sent(house)
    assert mails.has_none(busy)


def test_a_server_that_hangs_keeps_nobody_waiting(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"smtp://127.0.0.1:{port}?tls=none"
        server = start(smtp_url=url, mail_from=FROM, url=URL, smtp_seconds=0.5)
        email = email_of(server, server.person("client"))
        ask_link(server, email)
        await_that(lambda: "A mail goes later: 127.0.0.1:" in server.log)
        assert email in waiting(server)
        assert server.client().get("/healthz").status == 200


def test_a_mail_that_was_taken_is_not_sent_again_whatever_comes_of_the_goodbye(start):
    with MailServer() as mails:
        mails.is_silent_at_the_end = True
        server = start(smtp_url=mails.url(), mail_from=FROM, url=URL, smtp_seconds=2)
        email = email_of(server, server.person("client"))
        ask_link(server, email)
        mails.next(email)
        await_sent(server)
        server.advance(30)
        witness_link = email_of(server, server.person("client"))
        ask_link(server, witness_link)
        mails.next(witness_link)
        assert mails.has_none(email)


ODD = ["a,evil@example.org", "<evil@example.org", "evil@example.org>", '"a"@example.org', "a;b@example.org"]


def test_no_name_or_address_makes_a_header_or_a_second_recipient(house, mails):
    name = "Eve\r\nBcc: victim@example.org\r\n\r\nX"
    client, agent = house.person("client"), house.person("agent")
    asked = client.ask()["id"]
    client.do("cancel", asked)
    change(house, agent, name=name)
    change(house, client, name=f"Zoë {name}", email="zoë@exämple.org")
    agent.post(f"/api/chat/missed/{asked}/answer", {"answer": "Yes?"})
    mail = mails.next("zoë@xn--exmple-cua.org")
    assert mail.message["Bcc"] is None and mails.has_none("victim@example.org")
    assert mail.recipients == ["zoë@xn--exmple-cua.org"]
    assert mail.subject == "Eve Bcc: victim@example.org X has answered your request"
    assert "Zoë Eve" in mail.text
    log = len(house.log)
    for odd in ODD:
        person = house.person("client")
        change(house, person, email=odd)
        ask_link(house, odd)
    await_sent(house)
    assert house.log[log:].count("is no plain address") == len(ODD)


def test_an_address_that_the_server_cannot_take_is_given_up(start):
    with MailServer(takes_utf8=False) as mails:
        server = start(smtp_url=mails.url(), mail_from=FROM, url=URL)
        ascii_one, other = server.person("client"), server.person("client")
        change(server, ascii_one, email="zoe@exämple.org")
        change(server, other, email="zoë@example.org")
        ask_link(server, "zoë@example.org")
        ask_link(server, "zoe@exämple.org")
        assert mails.next("zoe@xn--exmple-cua.org").link
        await_sent(server)
        assert "the server takes no such address" in server.log


def test_a_password_goes_over_tls_only(start, tmp_path, monkeypatch):
    context, public = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with MailServer(tls=context, password="p@ss:word") as mails:
        url = mails.url("chat:p%40ss%3Aword@", options="")
        server = start(smtp_url=url, mail_from=FROM, url=URL)
        email = email_of(server, server.person("client"))
        ask_link(server, email)
        assert mails.next(email).was_encrypted
        found = doctor(server)
        assert found["state"] == "ok" and "TLSv1" in found["text"] and "signed in" in found["text"]
        server.environment["CHAT_SMTP_URL"] = mails.url("chat:wrong@", options="")
        found = doctor(server)
        assert (found["state"], "535" in found["text"]) == ("wrong", True)
        assert "password" in found["advice"]
        mails.go_away()
        found = doctor(server)
        assert found["state"] == "wrong" and "host and port" in found["advice"]
        mails.come_back(implicit=context)
        server.environment["CHAT_SMTP_URL"] = mails.url(scheme="smtps", options="")
        assert "TLS" in doctor(server)["text"]
        assert "p@ss" not in server.log and "p%40ss" not in server.log


def test_a_server_without_tls_is_sent_nothing_unless_the_setting_says_so(start):
    with MailServer() as mails:
        server = start(smtp_url=mails.url(options=""), mail_from=FROM, url=URL)
        email = email_of(server, server.person("client"))
        ask_link(server, email)
        await_that(lambda: "A mail goes later: 127.0.0.1:" in server.log)
        assert mails.has_none(email)
        found = doctor(server)
        assert found["state"] == "wrong" and "?tls=none" in found["advice"]


def doctor(server):
    """What the command says of mail, whatever it says of the rest."""
    command = [*COMMAND, "doctor", "--json"]
    done = subprocess.run(command, env=server.environment, capture_output=True, timeout=PATIENCE_SECONDS)
    (found,) = (each for each in map(json.loads, done.stdout.splitlines()) if each["name"] == "mail")
    return found


def test_without_mail_the_pages_say_whom_to_ask(site):
    guest, office = Visitor(site), Visitor(site, site.person("admin"))
    assert "Whoever runs this server can give you a link" in guest.open("/login").text
    assert guest.open("/forgotten").status == 404
    assert guest.post("/forgotten", email="a@example.org").status == 404
    client = site.person("client")
    visitor = Visitor(site, client)
    asked = client.ask()["id"]
    client.do("cancel", asked)
    pages = [visitor.open(path) for path in ("/profile", f"/sessions/{asked}")]
    pages += [office.open(path) for path in ("/admin/people", f"/admin/people/{client.id}")]
    assert [page.path for page in pages if re.search(r"\bmails?\b", page.text, re.IGNORECASE)] == []
    assert visitor.post("/profile/mails", mails="0").status == 404
    assert office.post(f"/admin/people/{client.id}/mail").status == 404
    assert office.post("/admin/invitations", role="client", mail_to="a@example.org").status == 404


@pytest.mark.parametrize("width", [320, 1280])
def test_a_forgotten_password_in_a_browser(house, mails, visit, width):
    email = email_of(house, house.person("client"))
    visitor = visit(house, viewport={"width": width, "height": 700})
    page = visitor.page
    visitor.open("/login")
    visitor.follow(page.get_by_role("link", name="Forgot your password?"))
    page.get_by_label("Email").fill(email)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    visitor.follow(page.get_by_role("button", name="Send the link"))
    page.get_by_text("If there is an account with this address").wait_for()
    path = urlsplit(re.search(rf"{URL}(\S+)", mails.next(email).text)[1]).path
    visitor.open(path)
    page.get_by_label("Password").fill("another horse")
    visitor.follow(page.get_by_role("button", name="Go on"))
    assert urlsplit(page.url).path == "/agents"
    visitor.open("/profile")
    visitor.follow(page.get_by_role("button", name="Turn the mails off"))
    page.get_by_role("button", name="Turn the mails on").wait_for()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_same_mail_has_the_same_id_and_another_one_another():
    settings = Settings(mail_from=FROM, url=URL)
    letter = Letter("a@example.org", "en", "Hello", ["There"], ("Go", URL))
    ids = [message(settings, letter, unique)["Message-ID"] for unique in ("1", "1", "2")]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@chat.example.org>")
