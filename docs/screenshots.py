"""`python -m docs.screenshots`: the pictures in docs/screenshots/, from the demo's data; with `--all FOLDER`,
every page in every look, to be looked at.
"""

import argparse
import base64
import subprocess
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page

from chat import widgets
from tests.browser import Visitor, launch
from tests.client import Client
from tests.server import COMMAND, ROOT, Server
from tests.test_attachments import send
from tests.website import Website

SIZES: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
PAGES = {
    "nobody": {
        "start": "/",
        "sign-in": "/login",
        "sign-up": "/signup",
        "forgotten": "/forgotten",
        "not-found": "/nowhere",
    },
    "client": {
        "agents": "/agents",
        "agent": "/agents/2",
        "search": "/search?q=depot",
        "request": "/sessions/new?agent_id=2",
        "conversation": "/sessions/1",
        "conversations": "/sessions",
        "ended": "/sessions/{ended}",
        "receipt": "/sessions/{ended}/receipt",
        "balance": "/balance",
        "profile": "/profile",
        "tokens": "/profile/tokens",
    },
    "asker": {"waiting": "/sessions/{waiting}"},
    "agent": {
        "inbox": "/inbox",
        "conversation": "/sessions/1",
        "file": "/sessions/1",
        "client": "/clients/1",
        "alerts": "/inbox",
        "request": "/sessions/{waiting}",
        "missed": "/missed",
        "history": "/sessions",
        "replies": "/replies",
        "earnings": "/earnings",
        "statistics": "/statistics",
        "own-page": "/profile/page",
        "profile": "/profile",
    },
    "admin": {
        "statistics": "/admin/statistics",
        "requests": "/admin/statistics",
        "people": "/admin/people",
        "person": "/admin/people/2",
        "client": "/admin/people/1",
        "erase": "/admin/people/{silent}/erase",
        "reports": "/admin/reports",
        "audit": "/admin/audit",
        "sessions": "/admin/sessions",
        "session": "/admin/sessions/{ended}",
        "settings": "/admin/settings",
        "webhooks": "/admin/webhooks",
        "webhook": "/admin/webhooks/1",
        "widgets": "/admin/widgets",
    },
}
# (who, page, size, colours, language)
CHOSEN = (
    ("nobody", "start", "wide", "light", "en"),
    ("client", "agents", "wide", "light", "en"),
    ("client", "conversation", "phone", "light", "en"),
    ("client", "conversation", "phone", "dark", "fr"),
    ("client", "receipt", "wide", "light", "fr"),
    ("admin", "statistics", "wide", "light", "en"),
    *(
        (*page, size, colours, language)
        for page in (
            ("agent", "conversation"),
            ("agent", "file"),
            ("agent", "alerts"),
            ("asker", "waiting"),
            ("client", "tokens"),
            ("nobody", "forgotten"),
            ("admin", "webhooks"),
            ("admin", "erase"),
            ("client", "agent"),
            ("client", "search"),
            ("agent", "own-page"),
            ("admin", "requests"),
        )
        for size in SIZES
        for colours, language in (("light", "en"), ("dark", "fr"))
    ),
    ("agent", "inbox", "phone", "light", "en"),
    ("agent", "inbox", "phone", "dark", "fr"),
)
QUALITY = 80
# Nobody listens there: what is for people who read mail is to be seen.
MAIL = {"smtp_url": "smtp://127.0.0.1:9", "mail_from": "chat@example.org", "url": "https://chat.example.org"}
WEBHOOKS = (
    ("Invoices", "https://books.example.org/hooks/chat", ["receipt.issued", "session.ended"]),
    ("Team channel", "https://team.example.org/hooks/4f2a", ["session.created", "message.created"]),
)
# A browser without a window denies notifications before anybody asks.
ASKABLE = "Object.defineProperty(Notification, 'permission', { get: () => 'default' })"


def _show_file(page: Page) -> None:
    if page.locator(".panel-link").is_visible():
        page.click(".panel-link")
    page.locator("#panel").evaluate(
        "panel => { panel.scrollTop = panel.querySelector('[data-file]').offsetTop; }"
    )


# What is opened before the picture is taken.
OPENED: dict[str, Callable[[Page], None]] = {
    "file": _show_file,
    "alerts": lambda page: page.click("[data-alerts] summary"),
    "requests": lambda page: page.locator("#week-title").evaluate("title => title.scrollIntoView()"),
}
EMAILS = {"client": "client1", "agent": "agent1", "admin": "admin"}
TALK = (
    ("client", "Mon propriétaire veut garder le dépôt de garantie : le parquet serait usé. Il peut ?"),
    ("agent", "Pas pour une usure normale : après quelques années, un sol a le droit d'avoir vécu."),
    ("agent", "Avez-vous l'état des lieux d'entrée ? Les règles sont ici :\nhttps://www.service-public.fr"),
    ("client", "Oui ! Il dit « bon état, quelques rayures » 🙂"),
    ("agent", "Alors écrivez-lui avec une copie, et demandez le dépôt. Je peux vous rédiger la lettre."),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    folder = parser.parse_args().all
    everything = [
        (who, page, size, colours, language)
        for who, pages in PAGES.items()
        for page in pages
        for size in SIZES
        for colours in ("light", "dark")
        for language in ("en", "fr")
    ]
    with tempfile.TemporaryDirectory() as place:
        settings = {"request_seconds": 86_400, "time_zone": "Europe/Paris"} | MAIL
        with Server(Path(place), workers=2, **settings) as server, launch() as browser:
            people, ids = _furnish(server)
            for who, page, size, colours, language in everything if folder else CHOSEN:
                token = people[who].token if who in people else None
                look = {
                    **SIZES[size],
                    "color_scheme": colours,
                    "locale": language,
                    "reduced_motion": "reduce",
                }
                visitor = Visitor(browser, server.url, token, **look)
                visitor.context.add_init_script(ASKABLE)
                visitor.open(PAGES[who][page].format(**ids))
                visitor.page.wait_for_load_state("networkidle" if token is None else "load")
                if who in ("client", "agent", "asker"):
                    visitor.await_connection("live")
                for file in visitor.page.locator("[data-file]").all():
                    file.locator(".file-content").wait_for(state="attached")
                if page in OPENED:
                    OPENED[page](visitor.page)
                name = f"{who}-{page}-{size}-{colours}" + ("-fr" if language == "fr" else "")
                file = (folder or ROOT / "docs" / "screenshots") / f"{name}.webp"
                file.write_bytes(_picture(visitor))
                visitor.close()
            _widget(server, browser, folder or ROOT / "docs" / "screenshots")


def _widget(server: Server, browser: Browser, folder: Path) -> None:
    """A guest's conversation on somebody's website."""
    chat = f"http://chat.example:{server.address[1]}"
    with Website(chat) as shop:
        widget = widgets.add(server.runtime, None, "Shop", [shop.url("shop")])
        shop.tag = f'<script src="{chat}/widget.js" data-key="{widget["key"]}" async></script>'
        agent = server.person("agent", "Jo Park")
        for size, colours in (("wide", "light"), ("phone", "dark")):
            look = {**SIZES[size], "color_scheme": colours, "locale": "en", "reduced_motion": "reduce"}
            visitor = Visitor(browser, shop.url("shop"), None, **look)
            visitor.open("/")
            visitor.page.locator("tete-a-tete button").click()
            frame = visitor.page.frame_locator("tete-a-tete iframe").frame_locator("iframe:not([inert])")
            frame.get_by_role("link", name="Ask Jo Park").click()
            frame.locator("#name").fill("Camille")
            frame.locator("#message").fill("Does the green chair come with a cushion?")
            frame.locator("form.card button").last.click()
            asked = int(frame.locator("[data-talk]").get_attribute("data-talk") or 0)
            agent.do("accept", asked)
            agent.send(asked, "It does, in two colours. Which one would you like?")
            frame.locator(".message .text", has_text="in two colours").wait_for()
            (folder / f"visitor-widget-{size}-{colours}.webp").write_bytes(_picture(visitor))
            visitor.close()


def _picture(visitor: Visitor) -> bytes:
    """As WebP: a quarter of a PNG."""
    browser = visitor.context.new_cdp_session(visitor.page)
    taken = browser.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return base64.b64decode(taken["data"])


def _furnish(server: Server) -> tuple[dict[str, Client], dict[str, int]]:
    """The demo, with a conversation going on, and who may look at what."""
    _command(server, "demo")
    people = {
        role: server.client(_command(server, "token", f"{name}@demo.example").strip())
        for role, name in EMAILS.items()
    }
    # In either language, as the browser asks for it.
    server.database.write(lambda db: db.conn.execute("UPDATE users SET language = NULL"))
    for number, (side, text) in enumerate(TALK):
        server.advance(30 + 7 * number)
        for role in ("client", "agent"):
            people[role].fetch(1)
        people[side].send(1, text)
    send(
        people["agent"],
        1,
        _floor(),
        "Parquet.jpg",
        message="Voici un parquet après dix ans : rien que le temps.",
    )
    ended = people["agent"].get("/api/chat/sessions?status=ended").json["sessions"]
    cards = people["agent"].get("/api/chat/sessions").json["sessions"]
    talking = {each["client"]["id"] for each in cards}
    waiting = next(each for each in cards if each["status"] == "waiting" and each["agent"])
    asker = server.database.read(lambda db: db["users"].get(waiting["client"]["id"])["email"])
    for label in ("Backup of my conversations", "Calendar"):
        _command(server, "tokens", "create", f"{EMAILS['client']}@demo.example", "--label", label)
    for label, url, events in WEBHOOKS:
        people["admin"].post("/api/chat/webhooks", {"label": label, "url": url, "events": events})
    people["asker"] = server.client(_command(server, "token", asker).strip())
    return people, {
        "ended": next(each["id"] for each in ended if each["client"]["id"] == 1 and each["rating"]),
        "waiting": waiting["id"],
        "silent": next(each["client"]["id"] for each in ended if each["client"]["id"] not in talking),
    }


def _floor() -> bytes:
    """A picture of a wooden floor, drawn."""
    picture = Image.new("RGB", (800, 500), "#8a5a33")
    draw = ImageDraw.Draw(picture)
    for row in range(10):
        for column in range(-1, 5):
            left, top, shade = 200 * column + 100 * (row % 2), 50 * row, (row * 7 + column * 11) % 5 * 9
            draw.rectangle((left, top, left + 198, top + 48), fill=(150 + shade, 100 + shade, 58 + shade))
            for line in range(3):
                draw.line(
                    (left, top + 12 * line + 9, left + 198, top + 12 * line + 13), fill=(128 + shade, 84, 46)
                )
    content = BytesIO()
    picture.save(content, "JPEG")
    return content.getvalue()


def _command(server: Server, *words: str) -> str:
    done = subprocess.run(
        [*COMMAND, *words], cwd=ROOT, env=server.environment, capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
