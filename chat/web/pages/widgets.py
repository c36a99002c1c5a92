"""Widgets, for administrators."""

from flask import Blueprint, Response, url_for

from chat import widgets
from chat.errors import NotFound, Problem
from chat.web.page import check_form, form, page, reader, saved, see
from chat.web.request import Body, current_runtime, path_id

blueprint = Blueprint("widgets", __name__, url_prefix="/admin/widgets")


class Widget(Body):
    """What it is called, and who may show it: an origin a line."""

    label: str = ""
    origins: str = ""


@blueprint.get("")
def show() -> Response:
    return _page()


@blueprint.post("")
def add() -> Response:
    runtime, user = current_runtime(), reader("admin")
    try:
        asked = form(Widget)
        widget = widgets.add(runtime, user, asked.label, asked.origins.split())
    except Problem as problem:
        return _page(problem)
    return see("widgets.show_one", widget_id=widget["id"], notice="saved")


@blueprint.get("/<widget_id>")
def show_one(widget_id: str) -> Response:
    return _page_of(path_id(widget_id))


@blueprint.post("/<widget_id>")
def change(widget_id: str) -> Response:
    runtime, user, number = current_runtime(), reader("admin"), path_id(widget_id)

    def act() -> None:
        asked = form(Widget)
        widgets.change(runtime, user, number, asked.label, asked.origins.split())

    def again(problem: Problem) -> Response:
        if isinstance(problem, NotFound):
            raise problem
        return _page_of(number, problem)

    return saved(act, again, "widgets.show_one", widget_id=number)


@blueprint.post("/<widget_id>/revoke")
def revoke(widget_id: str) -> Response:
    runtime, user = current_runtime(), reader("admin")
    check_form()
    widgets.revoke(runtime, user, path_id(widget_id))
    return see("widgets.show", notice="widget_revoked")


def _page(problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader("admin")
    return page("admin/widgets.html", problem=problem, widgets=widgets.listed(runtime, user), widget={})


def _page_of(widget_id: int, problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader("admin")
    widget = widgets.read(runtime, user, widget_id)
    script = (
        f"{runtime.settings.url}/widget.js"
        if runtime.settings.url
        else url_for("widget.script", _external=True)
    )
    tag = f'<script src="{script}" data-key="{widget["key"]}" async></script>'
    return page("admin/widget.html", problem=problem, widget=widget, tag=tag)
