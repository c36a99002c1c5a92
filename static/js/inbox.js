// The list of conversations: a card each, in the section of its status, the newest on top.

import { address } from "./api.js";
import { Draft } from "./draft.js";
import { initials, instant, minutes, money, setTime } from "./format.js";
import { live, stream, user, words } from "./live.js";
import { unsent } from "./outbox.js";
import { statusText } from "./session.js";

const inbox = document.querySelector("[data-inbox]");
const template = document.getElementById("card-template")?.content.firstElementChild;
const current = Number(inbox?.dataset.current);
const request = document.querySelector("[data-request]");

stream.addEventListener("news", ({ detail }) => {
  for (const id of detail.removed) card(id)?.remove();
  detail.sessions.forEach(show);
  for (const [id, peer] of Object.entries(detail.peers)) {
    const status = card(id)?.querySelector("[data-status-text]");
    if (status) status.textContent = peer === "typing" ? words.peers.typing : status.dataset.text ?? status.textContent;
  }
  if (inbox) count();
  if (request) follow(detail);
});
setInterval(tickWaiting, 1000);
const left = document.querySelector("[data-left]");
if (left) showUnsent(left.querySelector("[data-unsent]"), left.dataset.left);
tickWaiting();

// What was written for a conversation that was handed over meanwhile.
function showUnsent(element, sessionId) {
  element.textContent = [...unsent(sessionId), new Draft(sessionId).text].filter(Boolean).join("\n\n");
  element.hidden = !element.textContent;
}

// A request to any agent that is looked at: it becomes a conversation if this agent took it elsewhere.
function follow({ sessions, removed }) {
  const isOwn = sessions.some(({ id, agent }) => id === current && agent);
  if (isOwn) location.reload();
  if (!removed.includes(current)) return;
  request.hidden = true;
  document.querySelector("[data-gone]").hidden = false;
}

function card(id) { return document.querySelector(`[data-card="${id}"]`); }

function show(session) {
  const old = card(session.id);
  if (!old && !template) return;
  const item = old ?? build(session);
  const set = (name, text) => { item.querySelector(`[data-${name}]`).textContent = text; };
  set("unread", session.unread);
  item.querySelector("[data-unread]").hidden = !session.unread || session.id === current;
  set("last", session.last_message?.message ?? "");
  set("status-text", statusText(session));
  item.querySelector("[data-status-text]").dataset.text = statusText(session);
  const offer = item.querySelector("[data-offer]");
  if (offer && session.offered_rate !== null) offer.textContent = words.a_minute.replace("{price}", money(session.offered_rate, session.currency));
  setTime(item.querySelector("time"), session.last_message?.created_at ?? session.created_at, "clock");
  if (inbox) place(item, session);
}

function build(session) {
  const item = template.cloneNode(true);
  const who = user.role === "client" ? session.agent : session.client;
  item.dataset.card = session.id;
  item.dataset.since = session.created_at;
  item.querySelector("a").href = address(`sessions/${session.id}`);
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
  if (session.status !== "waiting") actions?.remove();
  else if (actions) actions.querySelector("[data-post=decline]").hidden = !session.agent;
  if (!isMoved) return;
  if (session.status === "waiting") list.append(item);
  else list.prepend(item);
}

function count() {
  for (const section of inbox.querySelectorAll("[data-section]")) {
    const number = section.querySelectorAll("[data-card]").length;
    const shown = section.querySelector("[data-count]");
    if (shown) shown.textContent = number || "";
    const empty = section.querySelector("[data-empty]");
    if (empty) empty.hidden = number > 0;
  }
}

function tickWaiting() {
  for (const item of document.querySelectorAll('[data-card][data-status="waiting"]')) {
    const seconds = Math.max(0, (Date.now() - live.skew - instant(item.dataset.since)) / 1000);
    const status = item.querySelector("[data-status-text]");
    status.textContent = `${words.statuses.waiting} ${minutes(seconds)}`;
  }
}
