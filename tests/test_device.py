"""The switch of a device, and what its browser shows of what is pushed while no page is looked at."""

import json

import pytest

from chat import store
from tests.push_service import PushService, decoded
from tests.test_browser_refuses import HIDE

# What the browser without a window has not: somebody to ask, and a push service. Both are the browser's own.
PLATFORM = """
if (location.protocol !== "about:") {
  let permission = localStorage.getItem("allowed") ?? "%s";
  Object.defineProperty(Notification, "permission", { get: () => permission, configurable: true });
  Notification.requestPermission = async () => {
    localStorage.setItem("allowed", "granted");
    return (permission = "granted");
  };
  const kept = () => JSON.parse(localStorage.getItem("stand-in"));
  const wake = (found) => found && Object.assign(found, {
    toJSON: () => found,
    options: { applicationServerKey: Uint8Array.from(found.key).buffer },
    unsubscribe: async () => localStorage.removeItem("stand-in"),
  });
  PushManager.prototype.getSubscription = async () => wake(kept());
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    const found = { ...%s, key: [...applicationServerKey], userVisibleOnly };
    localStorage.setItem("stand-in", JSON.stringify(found));
    return wake(found);
  };
  ServiceWorkerRegistration.prototype.getNotifications = async () => [];
}
"""
# The same in the service worker: what it shows, which windows it opens and brings to the front, and when its
# events are over.
SHOWN = """
self.shown = []; self.went = []; self.waits = [];
WorkerNavigator.prototype.setAppBadge = async (count) => { self.count = count; };
const close = (tag) => { self.shown = self.shown.filter((each) => each.tag !== tag); };
ServiceWorkerRegistration.prototype.getNotifications = async ({ tag } = {}) =>
  self.shown.filter((each) => !tag || each.tag === tag);
ServiceWorkerRegistration.prototype.showNotification = async (title, options) => {
  close(options.tag);
  self.shown.push({ title, ...options, close: () => close(options.tag) });
};
Clients.prototype.openWindow = async (url) => { self.went.push(["open", url]); };
WindowClient.prototype.focus = async function () { self.went.push(["focus", this.url]); return this; };
const { waitUntil } = ExtendableEvent.prototype;
ExtendableEvent.prototype.waitUntil = function (promise) {
  self.waits.push(promise);
  if (this.isTrusted) waitUntil.call(this, promise);
};
null;
"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def service():
    with PushService() as running:
        yield running
    assert running.problems == []


def arrive(site, visit, who, device, path="/profile", permission="default"):
    """Somebody's browser, on a page with the switch."""
    visitor = visit(site, who)
    subscription = json.dumps(device.subscription)
    visitor.context.add_init_script(HIDE + PLATFORM % (permission, subscription))
    visitor.open(path)
    visitor.await_connection("live")
    return visitor


def await_state(visitor, name):
    visitor.page.locator(f'[data-is="{name}"]').first.wait_for()


class Worker:
    """The service worker of a browser, which somebody pushes to."""

    def __init__(self, visitor):
        self._worker = visitor.context.service_workers[0]
        self._worker.evaluate(SHOWN)
        self._site = visitor.url
        self._line = visitor.context.new_cdp_session(visitor.page)
        found = []
        self._line.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.append(event))
        self._line.send("ServiceWorker.enable")
        while not found:
            visitor.page.evaluate("() => new Promise(requestAnimationFrame)")
        self._id = found[0]["registrations"][0]["registrationId"]

    def deliver(self, content):
        """As the browser does when it has decrypted it; returns what is shown then."""
        asked = {"origin": self._site, "registrationId": self._id, "data": json.dumps(content)}
        self._line.send("ServiceWorker.deliverPushMessage", asked)
        return self._worker.evaluate(
            """async () => {
                while (!self.waits.length) await new Promise((resolve) => setTimeout(resolve, 5));
                await self.waits.shift();
                return self.shown.map(({ close, ...rest }) => rest);
            }"""
        )

    @property
    def count(self):
        """What the app's icon shows."""
        return self._worker.evaluate("self.count")

    def click(self):
        """On the last one; returns what the browser was asked to show."""
        return self._worker.evaluate(
            """async () => {
                const event = new ExtendableEvent("notificationclick");
                dispatchEvent(Object.assign(event, { notification: self.shown.at(-1) }));
                await self.waits.shift();
                return self.went.splice(0);
            }"""
        )


def has(site, device):
    """Whether anything would be sent there."""
    query = "SELECT EXISTS (SELECT 1 FROM push_subscriptions WHERE endpoint = ?)"
    return bool(site.database.read(lambda db: db.conn.execute(query, (device.endpoint,)).fetchone()[0]))


def await_that(visitor, is_so):
    while not is_so():
        visitor.page.evaluate("() => new Promise(requestAnimationFrame)")


def test_a_device_is_told_shows_it_and_leads_there(site, visit, service):
    talk, device = site.conversation(), service.device()
    visitor = arrive(site, visit, talk.client, device)
    await_state(visitor, "off")
    switch, test = (visitor.page.locator(f"[data-device-{name}]") for name in ("switch", "test"))
    assert test.is_hidden()
    switch.check()
    await_state(visitor, "on")
    made = json.loads(visitor.page.evaluate("localStorage.getItem('stand-in')"))
    assert made["userVisibleOnly"]
    assert bytes(made["key"]) == decoded(talk.client.get("/api/chat/push").json["public_key"])
    worker = Worker(visitor)
    test.click()
    await_state(visitor, "sent")
    (shown,) = worker.deliver(device.next().content)
    assert (shown["title"], shown["body"]) == ("Tête-à-tête", "Notifications reach this device.")
    # It leads into a new window from a page on which something may be half written.
    visitor.open("/profile")
    worker.deliver({**MESSAGE, "path": f"sessions/{talk.id}"})
    assert worker.click() == [["open", f"{site.url}/sessions/{talk.id}"]]
    visitor.open("/sessions")
    visitor.await_connection("live")
    worker.deliver({**MESSAGE, "path": f"sessions/{talk.id}"})
    with visitor.page.expect_navigation():
        assert worker.click() == [["focus", f"{site.url}/sessions"]]
    assert visitor.page.url == f"{site.url}/sessions/{talk.id}"
    worker.deliver({**MESSAGE, "path": f"sessions/{talk.id}"})
    assert worker.click() == [["focus", f"{site.url}/sessions/{talk.id}"]]


MESSAGE = {
    "title": "Dr Anaïs Laurent",
    "body": "New message",
    "path": "sessions/1",
    "tag": "tete-a-tete:1",
    "language": "en",
    "is_silent": False,
    "is_urgent": False,
    "badge": 1,
}


def test_one_conversation_has_one_notification_and_what_is_over_makes_no_noise(site, visit, service):
    visitor = arrive(site, visit, site.person("agent"), service.device())
    visitor.page.locator("[data-device-switch]").check()
    await_state(visitor, "on")
    worker = Worker(visitor)
    request = {**MESSAGE, "body": "New request", "is_urgent": True}
    (shown,) = worker.deliver(request)
    assert worker.count == 1
    assert shown["vibrate"] and shown["requireInteraction"] and shown["renotify"]
    assert visitor.context.request.get(shown["icon"]).body().startswith(PNG)
    assert visitor.context.request.get(shown["badge"]).body().startswith(PNG)
    (again,) = worker.deliver({**request, "body": "a" * 119 + "👩‍👩‍👧" + "b" * 20})
    assert again["body"] == "a" * 119 + "👩‍👩‍👧…"
    assert len(worker.deliver({**request, "tag": "tete-a-tete:2"})) == 2
    over = {**request, "body": "This request is gone.", "is_silent": True, "is_urgent": False}
    # Where somebody looks it is closed; elsewhere it says so in its place: browsers want something shown.
    (other,) = worker.deliver(over)
    assert other["tag"] == "tete-a-tete:2"
    assert worker.deliver(over) == [other]
    visitor.page.goto("about:blank")
    (gone,) = worker.deliver({**over, "tag": "tete-a-tete:2"})
    assert (gone["body"], gone["silent"], gone["renotify"]) == ("This request is gone.", True, False)
    assert gone["vibrate"] is None


def test_a_device_that_cannot_says_why(site, visit, service):
    visitor = arrive(site, visit, site.person("client"), service.device(), permission="denied")
    await_state(visitor, "denied")
    asked = "Object.defineProperty(Notification, 'permission', { value: 'default' });"
    for name, script in {
        "unsupported": "delete window.PushManager; delete window.Notification;",
        "insecure": f"{asked} Object.defineProperty(window, 'isSecureContext', {{ value: false }});",
        "install": f"{asked} delete window.PushManager; navigator.standalone = false;",
    }.items():
        tab = visitor.tab()
        tab.add_init_script(script)
        tab.goto("/profile")
        tab.locator(f'[data-is="{name}"]').wait_for()
        assert tab.locator("[data-device-switch]").is_disabled()


def test_a_device_is_told_for_as_long_as_its_user_wants(site, visit, service):
    client, device = site.person("client"), service.device()
    visitor = arrive(site, visit, client, device)
    switch = visitor.page.locator("[data-device-switch]")
    switch.check()
    await_state(visitor, "on")
    assert has(site, device)
    # The sign-in that had it is over, and somebody has signed in again.
    site.database.write(lambda db: store.push.delete_own(db, client.id, device.endpoint))
    visitor.open("/profile")
    await_that(visitor, lambda: has(site, device))
    switch.uncheck()
    await_state(visitor, "off")
    assert not has(site, device)
    visitor.open("/profile")
    await_state(visitor, "off")
    switch.check()
    await_state(visitor, "on")
    assert has(site, device)
    visitor.follow("[data-log-out] button")
    assert not has(site, device)


def test_a_page_says_whether_it_is_looked_at_and_closes_what_is_seen(site, visit, service):
    talk, device = site.conversation(), service.device()
    visitor = arrive(site, visit, talk.client, device, f"/sessions/{talk.id}")
    visitor.page.locator("[data-device-switch]").check()
    await_state(visitor, "on")

    def is_looking():
        query = "SELECT max(looking_until) FROM auth_tokens JOIN chat_sessions s ON user_id = client_id"
        found = site.database.read(lambda db: db.conn.execute(f"{query} WHERE s.id = {talk.id}").fetchone())
        return found[0] > 0

    await_that(visitor, is_looking)
    visitor.page.evaluate(
        """id => {
            window.shut = [];
            const note = (tag) => ({ tag, close: () => shut.push(tag) });
            const all = ["test", id, "0"].map((each) => note(`tete-a-tete:${each}`));
            ServiceWorkerRegistration.prototype.getNotifications = async () => all;
            window.isAway = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        talk.id,
    )
    await_that(visitor, lambda: not is_looking())
    assert visitor.page.evaluate("shut") == []
    visitor.page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
    visitor.page.wait_for_function("shut.length >= 2")
    assert visitor.page.evaluate("shut") == [f"tete-a-tete:{talk.id}", "tete-a-tete:0"]
    await_that(visitor, is_looking)
    visitor.page.goto("about:blank")
    while is_looking():
        visitor.page.evaluate("1")


@pytest.mark.parametrize(("locale", "text"), [("en-GB", "in writing"), ("fr-FR", "par écrit")])
def test_the_site_can_be_installed(site, visit, locale, text):
    visitor = visit(site, locale=locale)
    visitor.open("/login")
    line = visitor.context.new_cdp_session(visitor.page)
    found = line.send("Page.getAppManifest")
    assert found["errors"] == []
    told = json.loads(found["data"])
    assert text in told["description"] and told["lang"] == locale[:2]
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    assert {(each["sizes"], each["purpose"]) for each in told["icons"]} == {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    touch = visitor.page.locator('link[rel="apple-touch-icon"]').get_attribute("href")
    for path, width in [(touch, 180), *((each["src"], int(each["sizes"][:3])) for each in told["icons"])]:
        drawn = site.client().get(path)
        assert drawn.body.startswith(PNG) and int.from_bytes(drawn.body[16:20]) == width


def test_the_service_worker_is_of_the_whole_site_and_keeps_nothing(site):
    answer = site.client().get("/sw.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; connect-src 'self'")
    script = answer.body.decode()
    assert '"push"' in script
    assert not [each for each in ('"fetch"', "caches", "indexedDB") if each in script]
