"""Files and pictures in a conversation, as curl sends them."""

import json
import os
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import unquote
from uuid import uuid4

import pytest
from PIL import Image

from chat import attachments
from chat.blobs import Blobs
from chat.doctor import examine
from tests.client import TIMEOUT_SECONDS
from tests.pages.visitor import Visitor
from tests.server import await_that
from tests.streams import SSE, WS
from tests.test_pictures import bomb, photograph

PDF = b"%PDF-1.7 " + bytes(range(256))
HTML = b"<script>alert(document.cookie)</script>"


def multipart(file, name, **fields):
    """(body, content type), as browsers and curl write it."""
    boundary = uuid4().hex
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = "".join(f'{part}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items())
    head = f'{parts}{part}"file"; filename="{name}"\r\n\r\n'
    body = head.encode() + file + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def send(who, talk_id, file, name="lease.pdf", key=None, **fields):
    body, kind = multipart(file, name, **fields)
    headers = {"Idempotency_Key": key} if key else {}
    return who.request("POST", f"/api/chat/attachments/{talk_id}", body, Content_Type=kind, **headers)


def sent(talk):
    """The files in the conversation."""
    messages = talk.agent.fetch(talk.id).json["messages"]
    return [message["attachment"] for message in messages if "attachment" in message]


def kept(server):
    """What is on disk: contents, and what is on its way."""
    return [path for path in server.runtime.blobs.folder.rglob("*") if path.is_file()]


def begun(talk, body, kind, length, key):
    """A connection on which that much of a file has been sent."""
    connection = socket.create_connection(talk.client.address, timeout=TIMEOUT_SECONDS)
    head = (
        f"POST /api/chat/attachments/{talk.id} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {talk.client.token}\r\n"
        f"Content-Type: {kind}\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:length])
    return connection


def test_a_picture_arrives_upright_with_its_size_and_without_its_place(talk):
    waiting = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
    answer = send(talk.client, talk.id, photograph(800, 600), "IMG_1.JPG", message="The stairs")
    assert answer.status == 201
    (message,) = waiting.result().json["messages"]
    picture = message["attachment"]
    url = f"/api/chat/attachments/{talk.id}/{answer.json['messageId']}"
    assert message["message"] == "The stairs"
    assert picture | {"bytes": 0} == {
        "name": "IMG_1.jpg",
        "type": "image/jpeg",
        "bytes": 0,
        "width": 600,
        "height": 800,
        "url": url,
        "thumbnail_url": f"{url}/thumbnail",
    }
    got = talk.agent.get(picture["url"])
    assert len(got.body) == picture["bytes"] and b"SECRET" not in got.body
    with Image.open(BytesIO(got.body)) as image:
        assert image.size == (600, 800)
    with Image.open(BytesIO(talk.client.get(picture["thumbnail_url"]).body)) as image:
        assert (image.format, image.size) == ("WEBP", (480, 640))


def test_what_is_cut_off_and_sent_again_is_there_once(talk):
    file = PDF * 4000
    body, kind = multipart(file, "lease.pdf")
    with begun(talk, body, kind, len(body) // 2, "k1"):
        pass
    assert send(talk.client, talk.id, file, key="k1").status == 201
    again = send(talk.client, talk.id, file, key="k1")
    assert (again.status, again.json["duplicate"]) == (200, True)
    other = send(talk.client, talk.id, file + b"x", key="k1")
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")
    assert talk.client.send(talk.id, "lease.pdf", client_message_id="k1").status == 409
    (attachment,) = sent(talk)
    assert talk.agent.get(attachment["url"]).body == file


def test_all_transports_tell_of_a_file(site):
    talk = site.conversation()
    with (
        SSE(talk.agent, f"/api/chat/stream/{talk.id}") as sse,
        WS(talk.agent, f"/api/chat/ws/{talk.id}") as ws,
    ):
        for stream in (sse, ws):
            stream.one("open")
        cursor = talk.agent.inbox().json["cursor"]
        assert send(talk.client, talk.id, PDF).status == 201
        (wanted,) = sent(talk)
        for stream in (sse, ws):
            told = stream.one("message", lambda data: "attachment" in data)
            assert (told.data["attachment"], told.data["message"]) == (wanted, "lease.pdf")
        (card,) = talk.agent.inbox(cursor=cursor, peers="").json["sessions"]
        assert card["last_message"]["attachment"] == "file"
        assert card["messages"][-1]["attachment"] == wanted
    visitor = Visitor(site, talk.agent)
    assert wanted["url"] in visitor.open(f"/sessions/{talk.id}/transcript.txt").body.decode()
    told = json.loads(visitor.open(f"/sessions/{talk.id}/transcript.json").body)
    assert told["messages"][-1]["attachment"] == wanted
    exported = json.loads(Visitor(site, talk.client).open("/profile/data.json").body)
    assert exported["conversations"][0]["messages"][-1]["attachment"] == wanted


def test_nobody_else_has_it_and_an_administrator_is_noted_once(site):
    talk, other, admin = site.conversation(), site.conversation(), site.person("admin")
    assert send(talk.client, talk.id, photograph(), "a.jpg").status == 201
    (picture,) = sent(talk)
    for url in (picture["url"], picture["thumbnail_url"]):
        for who in (other.client, other.agent):
            assert who.get(url).json["code"] == "not_found"
            assert who.get(url.replace(f"/{talk.id}/", f"/{other.id}/")).status == 404
        assert site.client().get(url).status == 401
        assert admin.get(url).status == 200
    noted = admin.get(f"/api/chat/audit?userId={admin.id}").json["entries"]
    assert [each["kind"] for each in noted if each["chat_session_id"] == talk.id] == ["transcript_read"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:/Users/me/lease.pdf", "lease.pdf"),
        ("a\u202ecod\t\x07.pdf", "acod.pdf"),
        ("é" * 300 + ".pdf", "é" * 146 + ".pdf"),
        ("photo%22; x=.pdf", "photo_; x=.pdf"),
    ],
)
def test_a_name_leads_nowhere(site, given, name):
    talk = site.conversation()
    assert send(talk.client, talk.id, PDF, given).status == 201
    (attachment,) = sent(talk)
    assert attachment["name"] == name
    said = talk.agent.get(attachment["url"]).headers["Content-Disposition"]
    assert said.startswith("attachment; ") and unquote(said.rpartition("UTF-8''")[2]) == name


@pytest.mark.parametrize(
    ("file", "name", "status", "code"),
    [
        (b"", "empty.pdf", 400, "invalid_parameter"),
        (HTML, "page.html", 415, "attachment_not_allowed"),
        (b"<svg/>", "drawing.svg", 415, "attachment_not_allowed"),
        (HTML, "photo.jpg", 415, "unreadable_picture"),
        (photograph()[:-300], "cut.jpg", 415, "unreadable_picture"),
        (bomb(50_000, 50_000), "bomb.png", 413, "picture_too_large"),
        (bytes(20_000_001), "long.pdf", 413, "attachment_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_taken_is_told_and_leaves_nothing(site, file, name, status, code):
    talk = site.conversation()
    answer = send(talk.client, talk.id, file, name)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert sent(talk) == []


def test_a_form_that_is_none_is_refused(site):
    talk = site.conversation()
    path = f"/api/chat/attachments/{talk.id}"
    body, kind = multipart(PDF, "a.pdf")
    two = body.replace(b"--\r\n", b"\r\n") + body.partition(b"\r\n")[2]
    for content, media_type, status in (
        (b"{}", "application/json", 415),
        (body, "multipart/form-data", 400),
        (body[:-40], kind, 400),
        (multipart(PDF, "a.pdf", **{str(number): "x" for number in range(30)}), None, 413),
        (body.replace(b'"file"', b'"other"'), kind, 400),
        (two, kind, 400),
    ):
        content, media_type = content if media_type is None else (content, media_type)
        assert talk.client.request("POST", path, content, Content_Type=media_type).status == status
    # Who is not signed in sends no more than a message has.
    assert site.client().request("POST", path, bytes(9_000_000), Content_Type=kind).status == 401
    assert sent(talk) == []


def test_no_file_is_run(start):
    server = start(attachment_kinds="*", attachment_bytes_per_user=2000)
    talk = server.conversation()
    for file, name in ((HTML, "page.html"), (b"<svg onload='alert(1)'/>", "drawing.svg")):
        assert send(talk.client, talk.id, file, name).status == 201
        said = talk.agent.get(sent(talk)[-1]["url"])
        assert said.body == file
        assert said.headers["Content-Type"] == "application/octet-stream"
        assert said.headers["Content-Disposition"].startswith("attachment")
        assert said.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in said.headers["Content-Security-Policy"]
        assert said.headers["Cache-Control"] == "no-store"
    full = send(talk.client, talk.id, bytes(2000))
    assert (full.status, full.json["code"]) == (413, "attachments_used_up")
    assert len(sent(talk)) == 2
    for path in server.runtime.blobs.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_200_at_once_lose_nothing(start):
    server = start(uploads=40, workers=2)
    talk = server.conversation()

    def deliver(number):
        """Until it is taken, as the pages do it; the statuses."""
        statuses = []
        while not statuses or statuses[-1] == 503:
            answer = send(talk.client, talk.id, PDF * 500 + b"%d" % number, f"{number}.pdf", f"k{number}")
            statuses.append(answer.status)
            assert answer.status == 201 or answer.headers["Retry-After"]
        return statuses

    with ThreadPoolExecutor(200) as pool:
        found = list(pool.map(deliver, range(200)))
    assert {status for statuses in found for status in statuses} <= {201, 503}
    cursor, names = 0, []
    while page := talk.agent.fetch(talk.id, lastMessageId=cursor).json["messages"]:
        names += [each["attachment"]["name"] for each in page if "attachment" in each]
        cursor = page[-1]["id"]
    assert sorted(names) == sorted(f"{number}.pdf" for number in range(200))


def test_a_slow_file_has_its_own_time(start):
    server = start(read_seconds=1, upload_seconds=300)
    talk = server.conversation()
    body, kind = multipart(PDF * 1000, "slow.pdf")
    with (
        begun(talk, body, kind, 1000, "slow") as slow,
        socket.create_connection(server.address, timeout=TIMEOUT_SECONDS) as late,
    ):
        late.sendall(b"POST /api/chat/message HTTP/1.1\r\n")
        assert late.recv(100).startswith(b"HTTP/1.1 408")
        slow.sendall(body[1000:])
        assert slow.recv(100).startswith(b"HTTP/1.1 201")
    assert [each["name"] for each in sent(talk)] == ["slow.pdf"]


def test_a_full_disk_is_told_and_the_same_goes_later(start, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "small", folder]).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        server = start(attachments_folder=folder)
        talk = server.conversation()
        for file in (PDF * 2000, PDF * 8000):  # Whole, and then not even on its way.
            answer = send(talk.client, talk.id, file, key="k")
            assert (answer.status, answer.json["code"]) == (507, "storage_full")
        assert sent(talk) == [] and [path for path in folder.rglob("*") if path.is_file()] == []
        subprocess.run(["mount", "-o", "remount,size=20m", folder], check=True)
        assert send(talk.client, talk.id, PDF * 2000, key="k").status == 201
        assert talk.agent.get(sent(talk)[0]["url"]).body == PDF * 2000
        assert server.stop() == 0
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_file_counts_as_a_message(site):
    talk = site.conversation()
    talk.agent.do("pause", talk.id)
    assert [send(talk.client, talk.id, PDF + b"%d" % each).status for each in range(4)] == [
        201,
        201,
        201,
        409,
    ]
    talk.agent.do("end", talk.id)
    assert send(talk.client, talk.id, PDF).json["code"] == "session_ended"


def test_what_is_erased_is_gone_from_disk_and_what_another_has_stays(start, run):
    server = start(keep_messages_days=1)
    one, other = server.conversation(), server.conversation()
    for talk, file in ((one, PDF), (other, PDF), (one, photograph())):
        assert send(talk.client, talk.id, file, "a.pdf" if file is PDF else "a.jpg").status == 201
    assert len(kept(server)) == 3
    for talk in (one, other):
        talk.client.do("end", talk.id)
    run(server, "erase", one.emails["client"], "--yes")
    (path,) = kept(server)
    assert path.read_bytes() == PDF
    assert sent(one) == [] and len(sent(other)) == 1
    server.advance(2 * 86_400)
    await_that(lambda: kept(server) == [])
    assert sent(other) == []
    run(server, "verify")


def test_what_no_message_has_is_swept(runtime):
    name = runtime.blobs.keep(BytesIO(PDF))
    attachments.sweep(runtime, lambda: False)
    assert runtime.blobs.path(name).exists()
    os.utime(runtime.blobs.path(name), (0, 0))
    attachments.sweep(runtime, lambda: False)
    assert not runtime.blobs.path(name).exists()


def test_a_backup_has_the_files_and_brings_them_back(start, run):
    server = start()
    talk = server.conversation()
    assert send(talk.client, talk.id, PDF).status == 201
    copy = run(server, "backup").strip()
    (path,) = kept(server)
    assert server.stop() == 0
    path.unlink()
    run(server, "restore", copy)
    assert Blobs(server.runtime.blobs.folder).path(path.name).read_bytes() == PDF
    server.start()
    assert talk.agent.get(sent(talk)[0]["url"]).body == PDF


def test_the_doctor_looks_at_the_folder(runtime):
    (finding,) = (each for each in examine(runtime, {}) if each.name == "attachments")
    assert finding.state == "ok" and str(runtime.blobs.folder) in finding.text
    runtime.blobs.prepare()
    runtime.blobs.folder.chmod(0o755)
    (finding,) = (each for each in examine(runtime, {}) if each.name == "attachments")
    assert finding.state == "warning" and "chmod 700" in finding.advice


def test_a_form_of_the_page_sends_a_file_without_scripts(site):
    talk = site.conversation()
    visitor = Visitor(site, talk.client)
    address = f"/sessions/{talk.id}"
    fields = visitor.open(address).form(f"{address}/messages")
    body, kind = multipart(photograph(), "stairs.jpg", csrf=fields["csrf"], key=fields["key"], message="Look")
    for _ in range(2):
        page = visitor.request("POST", f"{address}/messages", body, Content_Type=kind)
        assert page.status == 303
    (picture,) = sent(talk)
    shown = visitor.open(address)
    (image,) = (values for tag, values in shown.read.tags if tag == "img" and values.get("src"))
    assert (image["src"], image["width"], image["height"]) == (picture["thumbnail_url"], "60", "80")
    wrong, kind = multipart(HTML, "x.jpg", csrf=fields["csrf"], key="other", message="Kept words")
    page = visitor.request("POST", f"{address}/messages", wrong, Content_Type=kind)
    assert page.status == 415 and page.form(f"{address}/messages")["message"] == "Kept words"
    forged, kind = multipart(PDF, "a.pdf", key="forged")
    assert visitor.request("POST", f"{address}/messages", forged, Content_Type=kind).status == 403
    # Nobody chose a file.
    plain, kind = multipart(b"", "", csrf=fields["csrf"], key="plain", message="Only words")
    assert visitor.request("POST", f"{address}/messages", plain, Content_Type=kind).status == 303
    assert talk.agent.fetch(talk.id).texts[-2:] == ["Look", "Only words"]
