// The list of conversations: a card each, in the section of its status, the newest on top.

import { address } from "./api.js";
import { initials, instant, minutes, money, setTime } from "./format.js";
import { live, stream, user, words } from "./live.js";
import "./page.js";
import { kept } from "./safe.js";
import { billOf, statusText } from "./session.js";

const LATE_SECONDS = 120; // no client is to wait longer for an answer
const HANDFUL = 6; // of more cards one is found by its words
export const inbox = document.querySelector("[data-inbox]");
const template = document.getElementById("card-template")?.content.firstElementChild;
const filter = inbox?.querySelector("[data-filter]");
const bills = new Map(); // id → the session while its clock runs, and when it stood so

export const current = () => Number(inbox?.dataset.current);
export const cards = () => [...document.querySelectorAll("[data-card]")];
export const card = (id) => document.querySelector(`[data-card="${id}"]`);

for (const { dataset } of cards()) if (dataset.bill) keepBill(dataset.card, JSON.parse(dataset.bill));
if (inbox) {
  inbox.querySelectorAll("details[data-section]").forEach(keepFold);
  filter.addEventListener("input", sift);
  sift();
}
stream.addEventListener("news", ({ detail }) => {
  for (const id of detail.removed) remove(id);
  detail.sessions.forEach(show);
  for (const [id, peer] of Object.entries(detail.peers)) {
    const status = card(id)?.querySelector("[data-status-text]");
    if (!status) continue;
    status.dataset.text ??= status.textContent;
    const isTyping = status.toggleAttribute("data-typing", peer === "typing");
    status.textContent = isTyping ? words.peers.typing : status.dataset.text;
  }
  if (inbox) count();
});
setInterval(tick, 1000);
tick();

// Which one is shown beside the list.
export function mark(id) {
  inbox.dataset.current = id;
  for (const item of cards()) {
    const link = item.querySelector("a"), badge = item.querySelector("[data-unread]");
    link.ariaCurrent = item.dataset.card === id ? "true" : null;
    badge.hidden = link.ariaCurrent || !Number(badge.textContent);
  }
}

export function remove(id) {
  card(id)?.remove();
  bills.delete(String(id));
}

function show(session) {
  const old = card(session.id);
  if (!old && !template) return;
  const item = old ?? build(session);
  const set = (name, text) => { item.querySelector(`[data-${name}]`).textContent = text; };
  set("unread", session.unread);
  item.querySelector("[data-unread]").hidden = !session.unread || session.id === current();
  const { handover_note: note } = session;
  set("last", note ? words.handover.replace("{note}", () => note) : session.last_message ? lastOf(session.last_message) : "");
  set("status-text", statusText(session));
  item.querySelector("[data-status-text]").dataset.text = statusText(session);
  set("cost", session.accepted_at ? money(session.total_cost, session.currency) : "");
  set("language", session.client_language ?? "");
  const { unanswered_seconds: wait } = session;
  item.dataset.unanswered = wait === null ? "" : session.server_time - 1000 * wait;
  keepBill(session.id, session);
  const offer = item.querySelector("[data-offer]");
  if (offer) offer.textContent = session.offered_rate === null ? "" : words.a_minute.replace("{price}", money(session.offered_rate, session.currency));
  setTime(item.querySelector("time"), session.last_message?.created_at ?? session.created_at, "clock");
  if (inbox) place(item, session);
  tickOne(item);
}

// As chat/web/words.py says it.
function lastOf({ message, attachment }) {
  if (!message) return words.deleted;
  return attachment ? words[attachment].replace("{text}", () => message) : message;
}

function build(session) {
  const item = template.cloneNode(true);
  const who = user.role === "client" ? session.agent : session.client;
  item.dataset.card = session.id;
  item.dataset.since = session.created_at;
  item.querySelector("a").href = address(`sessions/${session.id}`);
  if (session.id === current()) item.querySelector("a").ariaCurrent = "true";
  item.querySelector("[data-name]").textContent = who?.name ?? "";
  const avatar = item.querySelector(".avatar");
  avatar.textContent = who ? initials(who.name) : "?";
  if (who) avatar.classList.add(`hue-${who.id % 6}`);
  const time = document.createElement("time");
  time.dataset.time = "clock";
  item.querySelector("[data-time-of]").append(time);
  for (const form of item.querySelectorAll("[data-post]")) {
    form.action = address(`sessions/${session.id}/${form.dataset.post}`);
  }
  item.classList.toggle("is-new", session.status === "waiting");
  return item;
}

function place(item, session) {
  const list = inbox.querySelector(`[data-section="${session.status}"] [data-cards]`);
  const last = String(session.last_message_id);
  const isMoved = item.parentElement !== list || (session.status !== "waiting" && item.dataset.lastId !== last);
  item.dataset.status = session.status;
  item.dataset.lastId = last;
  const actions = item.querySelector("[data-only]");
  if (session.status !== "waiting") {
    actions?.remove();
    item.classList.remove("is-new");
  } else if (actions) actions.querySelector("[data-post=decline]").hidden = !session.agent;
  if (!isMoved) return;
  // What moves loses the focus.
  const focused = item.contains(document.activeElement) && document.activeElement;
  if (session.status === "waiting") list.append(item);
  else list.prepend(item);
  if (focused) focused.focus({ preventScroll: true });
}

function count() {
  for (const section of inbox.querySelectorAll("[data-section]")) {
    const number = section.querySelectorAll("[data-card]").length;
    const shown = section.querySelector("[data-count]");
    if (shown) shown.textContent = number || "";
    const empty = section.querySelector("[data-empty]");
    if (empty) empty.hidden = number > 0;
  }
  sift();
}

// Case and accents are nobody's to remember.
function plain(text) { return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase(); }

function sift() {
  const wanted = plain(filter.value.trim());
  const all = cards();
  for (const item of all) {
    const words = ["name", "last"].map((name) => item.querySelector(`[data-${name}]`).textContent);
    item.hidden = !plain(words.join("\n")).includes(wanted);
  }
  filter.hidden = all.length <= HANDFUL && !wanted;
  inbox.querySelector("[data-none]").hidden = all.some((item) => !item.hidden) || !wanted;
}

function keepFold(section) {
  const name = `folded:${section.dataset.section}`;
  if (kept.get(name)) section.open = false;
  section.addEventListener("toggle", () => (section.open ? kept.remove(name) : kept.set(name, "1")));
}

function keepBill(id, session) {
  if (session.is_clock_running) bills.set(String(id), { session, at: live.server_time });
  else bills.delete(String(id));
}

function tick() { cards().forEach(tickOne); }

// What grows by itself: how long somebody waits, and what it costs.
function tickOne(item) {
  const { card: id, status, since, unanswered } = item.dataset;
  const now = Date.now() - live.skew;
  const put = (name, text) => {
    const element = item.querySelector(`[data-${name}]`);
    if (element.textContent !== text) element.textContent = text;
  };
  if (status === "waiting") put("status-text", `${words.statuses.waiting} ${minutes(Math.max(0, now - instant(since)) / 1000)}`);
  const seconds = unanswered ? Math.max(0, now - unanswered) / 1000 : 0;
  put("wait", unanswered ? words.unanswered.replace("{time}", minutes(seconds)) : "");
  item.classList.toggle("is-late", seconds >= LATE_SECONDS);
  const bill = bills.get(id);
  if (bill) put("cost", money(billOf(bill.session, Math.max(0, Math.floor((now - bill.at) / 1000))).cost, bill.session.currency));
}
