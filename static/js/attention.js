// What asks for attention, whatever this page shows: a number in the menu, the title and on the app; and an alert, once
// for all tabs of this browser, and none for what is looked at in one of them.

import { framed, post } from "./api.js";
import { tidy } from "./device.js";
import { live, stream, user, words } from "./live.js";
import { ring, show, sound } from "./notify.js";
import { attempt, kept, ours, visit } from "./safe.js";

const ANSWER_MS = 200; // the tab in front has answered by then
const RING_MS = 4000;
const SETTLED_MS = 500; // who goes from page to page says nothing in between
const LOOKING_MS = 20_000; // believed for a little longer
const here = () => document.querySelector("[data-talk]")?.dataset.talk;
let { title } = document;
const open = new Map(Object.entries(live?.open ?? {})); // id → [status, unread, last message's id]
const asking = new Set(); // who waits to hear what the tab in front shows
const channel = attempt(() => new BroadcastChannel(ours(`tete-a-tete:${user.id}:alerts`)));

const page = Math.random().toString(36).slice(2); // its name among those of this sign-in
let isLooking = false;
let settling;

const isShown = () => !document.hidden && document.hasFocus();
const shows = (id) => id === here() && isShown();

if (stream) {
  if (channel) channel.onmessage = ({ data }) => hear(data);
  catchUp();
  count();
  stream.addEventListener("news", ({ detail }) => {
    for (const id of detail.removed) open.delete(String(id));
    for (const session of detail.sessions) {
      const id = String(session.id);
      if (detail.isFirst) tell(id, session, open.get(id) ?? ["", 0]);
      open.set(id, [session.status, session.status === "ended" ? 0 : session.unread, session.last_message_id]);
    }
    count();
  });
  for (const name of ["visibilitychange", "focus", "blur", "pagehide"]) {
    window.addEventListener(name, () => { count(); look(); }, true);
  }
  look();
  setInterval(() => isLooking && sayLooking(true), LOOKING_MS);
  setInterval(() => stream.isLeader && requests() && ring(), RING_MS);
}

// Nobody is pushed who looks: the server hears when that begins, and at once when it ends.
function look() {
  clearTimeout(settling);
  if (isShown()) settling = setTimeout(() => isLooking || sayLooking(true), SETTLED_MS);
  else if (isLooking) sayLooking(false);
}

function sayLooking(looking) {
  isLooking = looking;
  post("looking", { page, looking }, { keepalive: true }).catch(() => {});
}

// The page shows something else now, without having been loaded anew.
export function setTitle(text) {
  title = text;
  if (stream) count();
}

// The tab in front says what it shows.
function hear({ question, front }) {
  if (question && isShown()) channel.postMessage({ front: here() ?? "" });
  if (front !== undefined) for (const resolve of asking) resolve(front);
}

// The conversation that the tab in front shows, "" for another page; null when no tab is.
function inFront() {
  if (isShown()) return Promise.resolve(here() ?? "");
  if (!channel) return Promise.resolve(null);
  return new Promise((resolve) => {
    asking.add(resolve);
    setTimeout(() => { asking.delete(resolve); resolve(null); }, ANSWER_MS);
    channel.postMessage({ question: true });
  });
}

function tell(id, session, [status, unread]) {
  const who = user.role === "client" ? session.agent : session.client;
  if (session.unread > unread && isFirst(id, session.last_message_id)) alert(id, who.name, session.last_message.message);
  else if (user.role === "agent" && !status && session.status === "waiting") request(id, who.name);
  else if (user.role === "client" && status === "waiting" && session.accepted_at && isFirst(`${id} accepted`, 1)) alert(id, who.name, words.accepted);
}

async function alert(id, name, text) {
  const front = await inFront();
  if (front === id) return;
  sound();
  if (front === null) show(id, name, text);
}

async function request(id, name) {
  if (!isFirst(`${id} asked`, 1)) return;
  ring();
  if ((await inFront()) === null) show(id, name, words.new_request);
}

// Whether no tab has told it: two may hear the same while one takes over from the other.
function isFirst(what, number) {
  const told = attempt(() => JSON.parse(kept.get("told"))) ?? {};
  if (told[what] >= number) return false;
  const isOpen = ([name]) => open.has(name.split(" ")[0]);
  kept.set("told", JSON.stringify({ ...Object.fromEntries(Object.entries(told).filter(isOpen)), [what]: number }));
  return true;
}

// What came between the page before and this one.
function catchUp() {
  const before = new Map(attempt(() => JSON.parse(visit.get("open"))) ?? open);
  const isNews = ([id, [, unread, last]]) => unread > (before.get(id)?.[1] ?? 0) && isFirst(id, last);
  if ([...open].filter(isNews).some(([id]) => !shows(id))) sound();
}

function requests() {
  return user.role === "agent" ? [...open.values()].filter(([status]) => status === "waiting").length : 0;
}

function count() {
  visit.set("open", JSON.stringify([...open]));
  const sum = (isSeen) => [...open].reduce((all, [id, [, unread]]) => all + (isSeen(id) ? 0 : unread), 0);
  const elsewhere = sum((id) => id === here());
  for (const badge of document.querySelectorAll("[data-total]")) Object.assign(badge, { textContent: elsewhere, hidden: !elsewhere });
  const total = sum(shows) + requests();
  framed?.unread(total);
  document.title = total ? `(${total}) ${title}` : title;
  attempt(() => (total ? navigator.setAppBadge(total) : navigator.clearAppBadge()));
  if (isShown()) tidy((id) => id !== "test" && (shows(id) || !open.get(id)?.[1] && open.get(id)?.[0] !== "waiting"));
}
