"""What the API says of itself, held against every answer that a test gets."""

from functools import cache
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app import create_app
from chat.settings import Settings
from chat.web import openapi


def check(method: str, target: str, answer: Any) -> None:
    """Fails for a status, or a code of a problem, that the description of the route does not name."""
    routes, described = _described()
    try:
        endpoint, _ = routes.match(unquote(urlsplit(target).path), method)
    except HTTPException:
        return
    answers = described.get(endpoint)
    if answers is None:
        return
    assert str(answer.status) in answers, f"{method} {target} does not say that it answers {answer.status}"
    if answer.status >= 400 and method != "HEAD":
        (media,) = answers[str(answer.status)]["content"].values()
        codes = media["schema"]["allOf"][1]["properties"]["code"]["enum"]
        code = answer.json["code"]
        assert code in codes, f"{method} {target} does not say that it answers {code}"


@cache
def _described() -> tuple[MapAdapter, dict[str, Any]]:
    """The routes, and the answers that each of the API describes, by its name."""
    with TemporaryDirectory() as folder:
        app = create_app(Settings(database_url=f"sqlite:///{folder}/chat.db"))
        document = openapi.document(app)
        app.extensions["chat"].close()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    answers = {operation["operationId"]: operation["responses"] for operation in operations}
    return app.url_map.bind("chat"), answers
