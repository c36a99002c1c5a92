"""A server that speaks Stripe's documented HTTP, and signs events by its rule."""

import hmac
import itertools
import json
import secrets
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.client import Answer, Client
from tests.server import Server

KEY = "sk_test_key_of_these_tests"
SECRET = "whsec_secret_of_these_tests"


class Stripe:
    """Use it with `with`. `status` is what it answers, 0 for nothing; what it was asked is in `asked`.

    What it is asked while it `is_lost` it does, and answers with an error.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.done: dict[tuple[str, str], tuple[dict[str, str], int, dict[str, Any]]] = {}
        self.status, self.is_dripping, self.is_lost = 200, False, False
        # What was paid and what went back of it, by payment intent, newest first.
        self.intents: dict[str, int] = {}
        self.refunds: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lock, self.go_on = threading.Lock(), threading.Event()
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"stripe": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = {
            "prepaid": 1,
            "stripe_secret_key": KEY,
            "stripe_webhook_secret": SECRET,
            "stripe_url": self.url,
            "stripe_seconds": 60,
        }

    def __enter__(self) -> "Stripe":
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody answers there any more."""
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def keys(self, path: str) -> list[str]:
        """The Idempotency-Keys of what was asked there."""
        return [headers["idempotency-key"] for asked, headers, _ in self.asked if asked == path]

    def answer(self, path: str, headers: dict[str, str], content: dict[str, str]) -> tuple[int, Any]:
        """With one key the same is done once."""
        self.asked.append((path, headers, content))
        if headers["authorization"] != f"Bearer {KEY}":
            return 401, {"error": {"type": "invalid_request_error", "message": f"No such key {KEY}"}}
        if self.status not in (0, 200):
            return self.status, {"error": {"type": "api_error", "code": "made_up", "message": KEY}}
        with self.lock:
            done = (path, headers["idempotency-key"])
            if done in self.done:
                asked, status, made = self.done[done]
                if asked != content:
                    return 400, {"error": {"type": "idempotency_error", "code": "other_parameters"}}
            else:
                status, made = (
                    (200, self.check_out())
                    if path == "/v1/checkout/sessions"
                    else self.send_back(content["payment_intent"], int(content["amount"]), content)
                )
                self.done[done] = content, status, made
        return (500, {"error": {"type": "api_error"}}) if self.is_lost else (status, made)

    def check_out(self) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            "id": f"cs_test_{number}",
            "url": f"{self.url}/c/pay/cs_test_{number}",
            "payment_status": "unpaid",
            "payment_intent": None,
        }

    def send_back(self, intent: str, units: int, content: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """So much of a payment, as long as there is some; without `content` by somebody at Stripe."""
        gone = sum(each["amount"] for each in self.refunds[intent] if each["status"] == "succeeded")
        if units > self.intents.get(intent, units) - gone:
            error = {"type": "invalid_request_error", "code": "charge_already_refunded"}
            return 400, {"error": error}
        made = {
            "id": f"re_{next(self._numbers)}",
            "object": "refund",
            "amount": units,
            "payment_intent": intent,
            "metadata": {"reference": content["metadata[reference]"]} if content else {},
            "status": "succeeded",
        }
        self.refunds[intent].insert(0, made)
        return 200, made

    def listed(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of what went back."""
        found = self.refunds[query["payment_intent"]]
        after = [each["id"] for each in found].index(query["starting_after"]) + 1 if len(query) > 2 else 0
        # Fewer than are asked for, as Stripe may.
        return {"object": "list", "data": found[after : after + 2], "has_more": after + 2 < len(found)}

    def paid(self, client: Client, amount: float, key: str = "") -> dict[str, Any]:
        """A client asks for a top-up: the object that Stripe tells of when it is paid."""
        asked = {"amount": amount}
        made = client.post("/api/chat/payments", asked, Idempotency_Key=key or secrets.token_hex(8))
        assert made.status == 201, made.body
        _, _, content = self.asked[-1]
        self.intents[f"pi_{content['client_reference_id']}"] = int(
            content["line_items[0][price_data][unit_amount]"]
        )
        return {
            "id": made.json["url"].rpartition("/")[2],
            "payment": made.json["id"],
            "client_reference_id": content["client_reference_id"],
            "payment_status": "paid",
            "amount_total": int(content["line_items[0][price_data][unit_amount]"]),
            "currency": content["line_items[0][price_data][currency]"],
            "payment_intent": f"pi_{content['client_reference_id']}",
        }


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    stripe: Stripe

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = dict(parse_qsl(body, strict_parsing=True))
        status, answer = self.stripe.answer(self.path, headers, content)
        if self.stripe.status == 0:
            self._say_nothing()
        else:
            self._say(status, answer)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        assert path == "/v1/refunds" and self.headers["Authorization"] == f"Bearer {KEY}"
        is_well = self.stripe.status == 200
        self._say(self.stripe.status, self.stripe.listed(dict(parse_qsl(query))) if is_well else {})

    def _say(self, status: int, answer: Any) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def _say_nothing(self) -> None:
        """What was asked is done, and nobody hears of it; or byte by byte, for as long as anybody listens."""
        try:
            if self.stripe.is_dripping:
                self.send_response(200)
                self.end_headers()
            while not self.stripe.go_on.wait(0.05):
                if self.stripe.is_dripping:
                    self.wfile.write(b" ")
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def event(kind: str, what: dict[str, Any]) -> bytes:
    """As Stripe writes it."""
    return json.dumps({"id": "evt_1", "type": kind, "data": {"object": what}}, indent=2).encode()


def signature(content: bytes, seconds: int = 0, secret: str = SECRET) -> str:
    """Of the content, from so many seconds ago."""
    at = int(time.time()) - seconds
    signed = hmac.digest(secret.encode(), f"{at}.".encode() + content, "sha256").hex()
    return f"t={at},v1={signed},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"


def deliver(server: Server, kind: str, what: dict[str, Any], signed: str | None = None) -> Answer:
    """An event, as Stripe sends it."""
    content = event(kind, what)
    headers = {"Stripe_Signature": signature(content) if signed is None else signed}
    return server.client().request("POST", "/api/payments/stripe", content, **headers)
