"""What is kept of a person, to take along; and the erasing of one."""

from flask import Blueprint, Response

from chat import documents, erasure, personal
from chat.errors import InvalidParameter, Problem, StillNeeded, TooManyRequests
from chat.web.answer import PERSONAL
from chat.web.page import form, page, reader, see
from chat.web.request import Body, current_runtime, path_id

blueprint = Blueprint("privacy", __name__)
ERASE = "/admin/people/<user_id>/erase"
# Of one user, in one process: each reads all that there is of them.
EXPORTS_PER_MINUTE = 2


class Erasure(Body):
    """That it is meant."""

    confirm: str = ""


@blueprint.get("/profile/data.json")
def export() -> Response:
    runtime, user = current_runtime(), reader()
    if seconds := runtime.sends.take({("export", user.id): EXPORTS_PER_MINUTE}):
        raise TooManyRequests(f"Once more in {seconds} s.", seconds)
    content = documents.pieces(personal.document(runtime, user.id, is_whole=False))
    name = f'attachment; filename="tete-a-tete-{user.id}.json"'
    return Response(content, headers={**PERSONAL, "Content-Disposition": name})


@blueprint.get(ERASE)
def show(user_id: str) -> Response:
    return _page(path_id(user_id))


@blueprint.post(ERASE)
def erase(user_id: str) -> Response:
    runtime, user, person_id = current_runtime(), reader("admin"), path_id(user_id)
    try:
        if not form(Erasure).confirm:
            raise InvalidParameter("confirm is missing.", field="confirm")
        is_new = erasure.erase(runtime, user, person_id)
    except (InvalidParameter, StillNeeded) as problem:
        return _page(person_id, problem)
    notice = "erased" if is_new else "erased_already"
    return see("administration.show_person", user_id=person_id, notice=notice)


def _page(user_id: int, problem: Problem | None = None) -> Response:
    """What will happen, or what has to be seen to first."""
    person, obstacles = erasure.look(current_runtime(), reader("admin"), user_id)
    return page("admin/erase.html", problem=problem, person=person, obstacles=obstacles)
