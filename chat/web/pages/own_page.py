"""What agents say on their page: picture, languages, hours, days off; and the pictures themselves."""

from typing import Any

from flask import Blueprint, Response, request

from chat import agents, hours, profiles
from chat.accounts import User
from chat.errors import InvalidParameter, Problem
from chat.profiles import Changes
from chat.store.rows import ProfileRow
from chat.web.answer import INERT
from chat.web.language import by_name, spoken, territory
from chat.web.page import check_form, page, reader, saved, see
from chat.web.request import current_runtime
from chat.web.static import IMMUTABLE

blueprint = Blueprint("own_page", __name__)

# By the browser that asked, which is signed in.
KEPT = IMMUTABLE.replace("public", "private")
# In the form, below the special days that there are.
FREE_ROWS = 2


@blueprint.get("/profile/page")
def show() -> Response:
    return _page(reader("agent"))


@blueprint.post("/profile/page")
def change() -> Response:
    runtime, user = current_runtime(), reader("agent")
    check_form()

    def act() -> None:
        agents.change(runtime, user, None, None, changes=_asked())

    return saved(act, lambda problem: _page(user, problem), "own_page.show")


@blueprint.post("/profile/picture")
def set_picture() -> Response:
    runtime, user = current_runtime(), reader("agent")
    check_form()

    def act() -> None:
        if "picture" not in request.files:
            raise InvalidParameter("There is no picture.", field="picture")
        profiles.set_picture(runtime, user, request.files["picture"].read())

    return saved(act, lambda problem: _page(user, problem), "own_page.show")


@blueprint.post("/profile/picture/delete")
def delete_picture() -> Response:
    user = reader("agent")
    check_form()
    profiles.remove_picture(current_runtime(), user)
    return see("own_page.show", notice="deleted")


@blueprint.get("/portraits/<name>")
def portrait(name: str) -> Response:
    """Another picture has another address, so a browser asks once."""
    reader()
    content = profiles.picture(current_runtime(), name)
    return Response(
        content, headers={"Content-Type": "image/webp", **INERT, "Cache-Control": KEPT, "Vary": "Cookie"}
    )


def _asked() -> Changes:
    """What the form says; a row of special days without a date is none."""
    sent = request.form
    rows = zip(*(sent.getlist(name) for name in ("first", "last", "spans")), strict=False)
    country, part = sent.get("holidays", ""), sent.get("part", "")
    return Changes(
        languages=[code for code in sent.getlist("languages") if code],
        time_zone=sent.get("time_zone", ""),
        hours={day: [sent.get(day, "")] for day in hours.DAYS},
        special_days=[(first, last, [spans]) for first, last, spans in rows if first or last or spans],
        # Of another country than when the form was made.
        holidays=f"{country}-{part}" if part in hours.regions().get(country, ()) else country,
    )


def _page(user: User, problem: Problem | None = None) -> Response:
    runtime = current_runtime()
    row = profiles.read(runtime, user)
    filled = _written() if problem and "time_zone" in request.form else _kept(row)
    country = filled["holidays"].partition("-")[0]
    return page(
        "own_page.html",
        problem=problem,
        card=agents.listed(runtime, user.id - 1, 1)[0][0],
        filled=filled,
        languages=spoken(profiles.LANGUAGES),
        zones=hours.time_zones(),
        countries=by_name((code, territory(code)) for code in hours.regions()),
        parts=by_name(hours.parts(country).items()) if country in hours.regions() else [],
        rows=[*filled["rows"], *[("", "", "")] * FREE_ROWS],
    )


def _kept(row: ProfileRow) -> dict[str, Any]:
    """What the form shows of what is kept."""
    plan = profiles.hours_of(row, current_runtime().settings)
    week = dict(zip(hours.DAYS, plan.week, strict=False))
    return {
        "languages": (row["languages"] or "").split(),
        "time_zone": plan.zone,
        "week": {day: _typed(week.get(day, ())) for day in hours.DAYS},
        "holidays": plan.holidays,
        "rows": [
            (str(each.first), str(each.last) if each.last > each.first else "", _typed(each.spans))
            for each in reversed(plan.special)
        ],
    }


def _written() -> dict[str, Any]:
    """The same of a form that is refused."""
    asked = _asked()
    return {
        "languages": asked.languages,
        "time_zone": asked.time_zone,
        "week": {day: ", ".join(spans) for day, spans in (asked.hours or {}).items()},
        "holidays": asked.holidays,
        "rows": [(first, last, ", ".join(spans)) for first, last, spans in asked.special_days or ()],
    }


def _typed(spans: tuple[hours.Span, ...]) -> str:
    return ", ".join(each.replace("-", "\N{EN DASH}") for each in hours.written(spans))
