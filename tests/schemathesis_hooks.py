"""What a schema cannot say of this API; schemathesis imports it."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """JSON Schema takes 3.0 for an integer; the server takes no fraction for an id."""
    if not isinstance(body, dict):
        return body
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in body.items()
    }


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """A message has one key: in its body or in the header."""
    return not (
        isinstance(case.body, dict) and "client_message_id" in case.body and "Idempotency-Key" in case.headers
    )
