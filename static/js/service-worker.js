// What the browser runs while no page is open: it shows what is pushed, and opens what it is about. It keeps no page
// and answers no request of one: what people wrote stays at the server. Served as /sw.js, so that all is below it.

import { attempt } from "./safe.js";
import { shortened } from "./shorten.js";

const { clients, registration } = self;
const RING = [300, 150, 300, 150, 300];
// Pages that can show another conversation without losing what is typed: a draft is kept.
const TALK = /\/(inbox|sessions(\/\d+)?)$/;
const address = (path) => new URL(path, registration.scope).href;
// Not those of what else is on the host.
const windows = async () =>
  (await clients.matchAll({ type: "window", includeUncontrolled: true })).filter(({ url }) => url.startsWith(registration.scope));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(show(event.data.json())));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(address(event.notification.data.path)));
});
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));

// One for each conversation; a later one takes the place of the one before.
async function show({ title, body, path, tag, language, is_silent: silent, is_urgent: isUrgent, badge }) {
  if (badge !== null) attempt(() => (badge ? navigator.setAppBadge(badge) : navigator.clearAppBadge()));
  if (silent && !(await replaces(tag))) return;
  await registration.showNotification(title, {
    body: shortened(body),
    tag,
    silent,
    lang: language,
    renotify: !silent,
    requireInteraction: isUrgent,
    vibrate: isUrgent ? RING : undefined,
    icon: address("static/icons/192.png"),
    badge: address("static/icons/badge-96.png"),
    data: { path },
  });
}

// What is over is closed. Where nobody looks browsers want something shown for each push: it says so in its place.
async function replaces(tag) {
  const shown = await registration.getNotifications({ tag });
  shown.forEach((each) => each.close());
  return shown.length > 0 && !(await windows()).some(({ visibilityState }) => visibilityState === "visible");
}

async function open(url) {
  const all = await windows();
  const there = all.find((each) => each.url.split(/[?#]/)[0] === url);
  const near = there ?? all.find((each) => TALK.test(new URL(each.url).pathname));
  const shown = near && (await attempt(async () => {
    const window = await near.focus();
    return there ? window : window.navigate(url);
  }));
  return shown ?? clients.openWindow(url);
}

// The browser has another endpoint for this device.
async function renew({ oldSubscription, newSubscription }) {
  if (!oldSubscription) return; // the page sees to it when it is opened
  const subscription = newSubscription ?? (await registration.pushManager.subscribe(oldSubscription.options));
  await fetch(address("api/chat/push/subscribe"), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...subscription.toJSON(), replaces: oldSubscription.endpoint }),
  });
}
