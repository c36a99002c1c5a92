"""The first steps of whoever sets a server up: put away."""

from flask import Blueprint, Response

from chat import steps
from chat.web.page import check_form, reader, see
from chat.web.request import current_runtime

blueprint = Blueprint("first_steps", __name__, url_prefix="/admin")


@blueprint.post("/steps")
def put_away() -> Response:
    user = reader("admin")
    check_form()
    steps.put_away(current_runtime(), user)
    return see("figures.show_house")
