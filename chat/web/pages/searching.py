"""Searching what was said."""

from typing import Annotated

from flask import Blueprint, Response
from pydantic import Field

from chat import search
from chat.web.page import page, reader
from chat.web.request import MAX_INTEGER, Digits, Query, current_runtime, query

blueprint = Blueprint("searching", __name__)

PAGE_SIZE = 20


class Asked(Query):
    """Which words, and where to go on."""

    q: Annotated[str, Field(max_length=search.LONGEST)] = ""
    before: Digits = MAX_INTEGER


@blueprint.get("/search")
def show() -> Response:
    runtime, user, asked = current_runtime(), reader(), query(Asked)
    found, has_more = search.find(runtime, user, asked.q, asked.before, PAGE_SIZE)
    return page("search.html", found=found, has_more=has_more, asked=asked)
