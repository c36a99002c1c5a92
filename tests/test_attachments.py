"""Files and pictures in a conversation, as curl sends them."""

from io import BytesIO
from uuid import uuid4

from PIL import Image

from tests.test_pictures import photograph

PDF = b"%PDF-1.7 " + bytes(range(256))


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


def test_a_picture_arrives_upright_with_its_size_and_without_its_place(talk):
    cursor = talk.agent.fetch(talk.id).json["cursor"]
    waiting = talk.agent.poll(talk.id, cursor=cursor)
    sent = send(talk.client, talk.id, photograph(800, 600), "IMG_1.JPG", message="The stairs")
    assert sent.status == 201
    (message,) = waiting.result().json["messages"]
    picture = message["attachment"]
    url = f"/api/chat/attachments/{talk.id}/{sent.json['messageId']}"
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
