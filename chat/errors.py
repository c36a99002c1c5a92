"""The catalogue of named errors; chat/web/problems.py turns them into answers."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


class Problem(Exception):
    """An error with a stable code, answered as RFC 9457 problem+json (as a page outside /api/)."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on the server."
    headers: ClassVar[dict[str, str]] = {}
    retry_after: int | None = None

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extra = extra

    def all_headers(self) -> dict[str, str]:
        """Those of its kind, and when to ask again (s), which this one may know better."""
        return {**self.headers, **({"Retry-After": str(self.retry_after)} if self.retry_after else {})}


class InvalidRequest(Problem):
    code, status, title = "invalid_request", 400, "The request cannot be read."


class InvalidParameter(Problem):
    code, status, title = "invalid_parameter", 400, "A value is missing or not acceptable."


class NotAuthenticated(Problem):
    code, status, title = (
        "not_authenticated",
        401,
        "Sign in first: the token is missing or not valid.",
    )
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class InvalidCredentials(Problem):
    code, status, title = "invalid_credentials", 401, "The email or the password is wrong."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class CodeNeeded(Problem):
    code, status, title = "code_needed", 401, "Send the code of the second step, too."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class CodeWrong(Problem):
    code, status, title = "code_wrong", 401, "The code is wrong, or was used before."
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}


class SecondStepRequired(Problem):
    code, status = "second_step_required", 403
    title = "Set up the second step first: sign in on the page."


class NotFound(Problem):
    code, status, title = "not_found", 404, "There is nothing here, or it is not yours."


class CrossSite(Problem):
    code, status, title = "cross_site", 403, "This came from another site's page."


class OriginNotAllowed(Problem):
    code, status = "origin_not_allowed", 403
    title = "This site is not among the origins of the widget; an administrator adds it there."


class OtherUser(Problem):
    code, status, title = "other_user", 409, "Somebody else is signed in than the page was made for."


class FormExpired(Problem):
    code, status, title = "form_expired", 403, "This form is from an earlier sign-in; send it again."


class Forbidden(Problem):
    code, status, title = "forbidden", 403, "This is not for your side to do."


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "This address does not take that method."


class RequestTimeout(Problem):
    code, status, title = "request_timeout", 408, "The request did not come in time."


class EmailTaken(Problem):
    code, status, title = "email_taken", 409, "This email belongs to an account already."


class SessionEnded(Problem):
    code, status, title = "session_ended", 409, "The chat session has ended."


class SessionPaused(Problem):
    code, status = "session_paused", 409
    title = "The chat session is paused, and what may be written meanwhile is written; it goes on first."


class TooLate(Problem):
    code, status, title = "too_late", 409, "This message can no longer be changed."


class WrongStatus(Problem):
    code, status, title = "wrong_status", 409, "The chat session is not in a state for this."


class AgentUnavailable(Problem):
    code, status, title = "agent_unavailable", 409, "This agent takes no requests at the moment."


class AgentAbsent(Problem):
    code, status, title = "agent_absent", 409, "This agent is not here at the moment."


class NotForClient(Problem):
    code, status, title = (
        "not_for_client",
        409,
        "This agent is not available for this client; ask another one.",
    )


class NobodyForClient(Problem):
    code, status = "nobody_for_client", 409
    title = "No agent is available for this client; whoever runs this server says why."


class RateChanged(Problem):
    code, status = "rate_changed", 409
    title = "A minute costs more by now than what was shown; look at `rate_per_minute`, and ask again."


class ReportOpen(Problem):
    code, status, title = "report_open", 409, "You have reported this already, and it is being looked at."


class AlreadyAnswered(Problem):
    code, status, title = "already_answered", 409, "You have answered this request already."


class TooMany(Problem):
    code, status, title = "too_many", 409, "There are as many as there can be; remove one first."


class PersonErased(Problem):
    code, status, title = "person_erased", 409, "This person is erased; there is nothing of them to change."


class StillNeeded(Problem):
    code, status, title = "still_needed", 409, "Something of this person has to be seen to first."

    def __init__(self, obstacles: Sequence[Any] = ()) -> None:
        super().__init__(" ".join(map(str, obstacles)))


class OfferChanged(Problem):
    code, status = "offer_changed", 409
    title = "What is offered is not this, or no longer; look at `transfer`, and answer again."


class SpendingLimitReached(Problem):
    code, status = "spending_limit_reached", 409
    title = "The spending limit is used up; raise it first."


class InsufficientBalance(Problem):
    code, status = "insufficient_balance", 409
    title = "The balance does not pay for the next minute."


class IdempotencyMismatch(Problem):
    code, status = "idempotency_mismatch", 409
    title = "This key was used before, with other content."


class CursorReset(Problem):
    code, status = "cursor_reset", 410
    title = "The cursor is ahead of the database; start again from `cursor`."


class BodyTooLarge(Problem):
    code, status, title = "body_too_large", 413, "The request body is too large."


class AttachmentTooLarge(Problem):
    code, status, title = "attachment_too_large", 413, "The file is larger than may be sent here."


class AttachmentsUsedUp(Problem):
    code, status = "attachments_used_up", 413
    title = "The files that you have sent take all the room that there is for them."


class PictureTooLarge(Problem):
    code, status, title = "picture_too_large", 413, "The picture has too many pixels."


class AddressTooLong(Problem):
    code, status, title = "address_too_long", 414, "The address is too long."


class UnsupportedMediaType(Problem):
    code, status, title = "unsupported_media_type", 415, "Send JSON, as application/json."


class NoForm(UnsupportedMediaType):
    title = "Send a form with a file, as multipart/form-data."


class AttachmentNotAllowed(Problem):
    code, status, title = "attachment_not_allowed", 415, "Files of this kind cannot be sent here."


class UnreadablePicture(Problem):
    code, status, title = "unreadable_picture", 415, "This is no picture that can be read; save it anew."


class ExpectationFailed(Problem):
    code, status, title = "expectation_failed", 417, "Nothing but 100-continue can be expected here."


class WrongWebSocketVersion(Problem):
    code, status, title = "wrong_websocket_version", 426, "Of WebSockets there is only version 13 here."
    headers: ClassVar[dict[str, str]] = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket"}


class TooManyRequests(Problem):
    code, status, title = "too_many_requests", 429, "Too many requests; slow down."
    retry_after = 60  # At most; each knows better.

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyTopUps(TooManyRequests):
    code = "too_many_top_ups"
    title = "Too many top-ups are open: pay one of them, or wait until one closes."


class HeadersTooLarge(Problem):
    code, status, title = "headers_too_large", 431, "There are too many header fields, or one is too long."


class UnknownMethod(Problem):
    code, status, title = "unknown_method", 501, "There is no such method."


class PaymentRefused(Problem):
    code, status, title = "payment_refused", 502, "The payment provider refused; no money has moved."


class PaymentUnavailable(Problem):
    code, status = "payment_unavailable", 503
    title = "The payment provider does not answer; nothing is lost, try again with the same key."
    retry_after = 5


class Overloaded(Problem):
    code, status, title = "overloaded", 503, "The server is busy; try again in a moment."
    retry_after = 1


class DatabaseUnavailable(Problem):
    code, status = "database_unavailable", 503
    title = "The database cannot be used right now; nothing was changed."
    retry_after = 3


class NotReady(Problem):
    code, status, title = "not_ready", 503, "This server is not ready; `checks` says why."
    retry_after = 3


class StorageFull(Problem):
    code, status = "storage_full", 507
    title = "The file cannot be kept right now; nothing was sent. Try again later."
    retry_after = 60


def existing(row: T | None) -> T:
    """The row; raises NotFound when there is none."""
    if row is None:
        raise NotFound
    return row


def catalogue() -> list[type[Problem]]:
    """Every error that an answer can carry."""
    found: list[type[Problem]] = [Problem]
    for kind in found:
        found += kind.__subclasses__()
    return found
