"""Statistics: the house's, an agent's own, and an agent's for administrators."""

from typing import Any

from flask import Blueprint, Response
from flask_babel import get_locale

from chat import answering, attendance, hours, statistics, steps
from chat.web.api.answering import Days, ZoneName
from chat.web.page import page, reader
from chat.web.request import Query, current_runtime, path_id, query

blueprint = Blueprint("figures", __name__)
# More agents than a page is read for are in the table that it links to.
MOST_AGENTS = 100


class Period(Query):
    """How many days back, in which time zone: empty is the server's."""

    days: Days = 30
    zone: ZoneName = ""


@blueprint.get("/admin/statistics")
def show_house() -> Response:
    user, runtime, asked = reader("admin"), current_runtime(), query(Period)
    found = statistics.overview(runtime, asked.days)
    return page(
        "admin/statistics.html",
        found=found,
        steps=steps.left(runtime, user),
        revenue=[(agent["name"], agent["revenue"]) for agent in found["agents"]],
        ratings=[(f"{each['stars']} ★", each["count"]) for each in found["ratings"]],
        here=attendance.here(runtime, user),
        **_asked(None, asked),
    )


@blueprint.get("/statistics")
def show_own() -> Response:
    return page("statistics.html", **_asked(reader("agent").id, query(Period)))


@blueprint.get("/admin/people/<user_id>/statistics")
def show_agent(user_id: str) -> Response:
    reader("admin")
    return page("statistics.html", **_asked(path_id(user_id), query(Period)))


def _asked(agent_id: int | None, asked: Period) -> dict[str, Any]:
    """What templates/_answering.html shows."""
    runtime, user = current_runtime(), reader()
    first_day = get_locale().first_week_day
    return {
        "asked": answering.of_period(runtime, user, asked.days, agent_id, asked.zone),
        "days": asked.days,
        "zone": asked.zone,
        "most_agents": MOST_AGENTS,
        "zones": hours.time_zones(),
        "week": [(first_day + number) % 7 for number in range(7)],
    }
