"""Tables as files, for those who go on with them elsewhere."""

from flask import Response

from chat.web.answer import PERSONAL

CSV = "text/csv"


def table(content: str, name: str) -> Response:
    """CSV in UTF-8, to be kept under this name."""
    headers = {
        **PERSONAL,
        "Content-Type": f"{CSV}; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}.csv"',
    }
    return Response(content, 200, headers)
