// Whether this device is told of something when no page is open: what stands in the way, and the switch.

import { address, get, post, reader } from "./api.js";
import { live } from "./live.js";
import { attempt, kept } from "./safe.js";

const OFF = "off";
const PATIENCE_MS = 30_000; // without a network a browser waits for its push service for ever
const MINE = `push ${reader}`; // whoever signs in after somebody else has not asked for it
const permission = () => attempt(() => Notification.permission);
const canPush = () => isSecureContext && "serviceWorker" in navigator && "PushManager" in window && !!permission();
const subscribed = async () => attempt(async () => (await navigator.serviceWorker.getRegistration(address("")))?.pushManager.getSubscription());

// Whether pages show notifications by themselves, as long as there is one.
export const isPagesOwn = () => permission() === "granted" && !kept.get("notify");

// What is shown here and is about nothing that waits any more.
export async function tidy(isOver) {
  if (kept.get("notify") !== MINE) return;
  const registration = await attempt(() => navigator.serviceWorker.getRegistration(address("")));
  for (const note of (await registration?.getNotifications()) ?? []) if (isOver(note.tag.split(":")[1])) note.close();
}

const roots = [...document.querySelectorAll("[data-device]")];

async function state() {
  if (permission() === "denied") return "denied";
  if (canPush()) return kept.get("notify") === MINE && permission() === "granted" && (await subscribed()) ? "on" : "off";
  if (!isSecureContext) return "insecure";
  if (attempt(() => navigator.standalone) === false) return "install"; // an iPhone: only as an app
  if (!permission()) return "unsupported";
  return isPagesOwn() ? "page" : "off";
}

async function update(said) {
  const now = await state();
  for (const root of roots) {
    const box = root.querySelector("[data-device-switch]");
    Object.assign(box, { checked: ["on", "page"].includes(now), disabled: !["on", "off", "page"].includes(now) });
    root.querySelector("[data-device-test]").hidden = now !== "on";
  }
  say(said ?? now);
}

function say(name) {
  for (const text of document.querySelectorAll("[data-is]")) text.hidden = text.dataset.is !== name;
}

async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") return;
  if (canPush()) {
    await subscribe();
    kept.set("notify", MINE);
  } else kept.remove("notify");
}

async function subscribe() {
  await navigator.serviceWorker.register(address("sw.js"));
  const { pushManager } = await navigator.serviceWorker.ready;
  const key = bytes((await get("push")).public_key);
  const old = await pushManager.getSubscription();
  if (old && String(new Uint8Array(old.options.applicationServerKey)) !== String(key)) await old.unsubscribe();
  const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  await post("push/subscribe", subscription.toJSON());
}

async function turnOff() {
  const subscription = await subscribed();
  kept.set("notify", OFF);
  if (!subscription) return;
  await post("push/unsubscribe", { endpoint: subscription.endpoint });
  await subscription.unsubscribe();
}

async function sendTest() {
  await post("push/test", { endpoint: (await subscribed()).endpoint });
}

function bytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

async function act(work, done) {
  say("wait");
  for (const root of roots) root.querySelector("[data-device-switch]").disabled = true;
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, "failed"); });
  await update(await Promise.race([work().then(() => done, () => "failed"), late]));
}

for (const root of roots) {
  root.querySelector("[data-device-switch]").onchange = ({ target }) => act(target.checked ? turnOn : turnOff);
  root.querySelector("[data-device-test]").onclick = () => act(sendTest, "sent");
}
if (roots.length) {
  update();
  attempt(async () => { (await navigator.permissions.query({ name: "notifications" })).onchange = () => update(); });
}
// Signed in again, without having signed out: the server knows this device by the sign-in before.
if (live && !live.is_told && kept.get("notify") === MINE && permission() === "granted") attempt(subscribe);
