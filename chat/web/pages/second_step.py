"""The second step of a sign-in: the code is asked for, set up, and turned off."""

import io

import segno
from flask import Blueprint, Response
from markupsafe import Markup

from chat import accounts, people, totp
from chat.errors import CodeWrong, Problem, TooManyRequests
from chat.web.page import form, page, reader, see
from chat.web.request import Body, caller, current_runtime

blueprint = Blueprint("second_step", __name__, url_prefix="/profile/second-step")


class Code(Body):
    """A code; to set it up, of which begun step."""

    step: str = ""
    code: str = ""


class Password(Body):
    """A sign-in is not enough."""

    password: str = ""


class Off(Password):
    """Both are asked for."""

    code: str = ""


@blueprint.get("")
def show() -> Response:
    return _page()


@blueprint.post("")
def begin() -> Response:
    runtime, user = current_runtime(), reader(*totp.STAFF)
    try:
        row = accounts.check_own_password(runtime, user, form(Password).password, caller())
    except Problem as problem:
        return _page(problem)
    if row["totp_key"]:
        return see("second_step.show")
    return second_step_page(totp.begin(runtime, row)[0])


@blueprint.post("/confirm")
def confirm() -> Response:
    runtime, user, asked = current_runtime(), reader(*totp.STAFF), form(Code)
    row, key = totp.begun(runtime, asked.step)
    if key is None or row["id"] != user.id:
        return see("second_step.show")
    try:
        codes = totp.set_up(runtime, row, key, asked.code, caller(), user.token_hash)
    except (CodeWrong, TooManyRequests) as problem:
        return second_step_page(asked.step, problem=problem)
    return page("recovery_codes.html", codes=codes, next="")


@blueprint.post("/off")
def turn_off() -> Response:
    user = reader(*totp.STAFF)
    try:
        asked = form(Off)
        accounts.turn_off_second_step(current_runtime(), user, asked.password, asked.code, caller())
    except Problem as problem:
        return _page(problem)
    return see("second_step.show", notice="saved")


def second_step_page(step: str, next_page: str = "", problem: Problem | None = None) -> Response:
    """Asks for the code; who has none yet gets the key to set it up with."""
    row, key = totp.begun(current_runtime(), step)
    return page(
        "code.html",
        problem=problem,
        step=step,
        next=next_page,
        key=key,
        picture=_picture(totp.address(row, key)) if key else None,
    )


def _page(problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader(*totp.STAFF)
    return page(
        "second_step.html",
        problem=problem,
        is_on=people.own(runtime, user)["totp_key"] is not None,
        is_required=totp.is_required(runtime.settings, user.role),
        left=people.recovery_codes(runtime, user),
    )


def _picture(address: str) -> Markup:
    """A QR code, as an element of the page."""
    text = io.BytesIO()
    segno.make(address, error="m").save(
        text,
        kind="svg",
        scale=4,
        border=4,
        light="white",
        xmldecl=False,
        svgns=False,
        svgclass="qr",
        lineclass=None,
    )
    # What segno writes has the address as dots only.
    return Markup(text.getvalue().decode())
