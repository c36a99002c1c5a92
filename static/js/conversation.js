// The page of a conversation: what the stream tells of it is shown, what is written goes to the outbox.

import { address, get, post } from "./api.js";
import { Composer } from "./composer.js";
import { initials } from "./format.js";
import { live, stream, words } from "./live.js";
import { MessageList } from "./messages/list.js";
import { Pager } from "./messages/pager.js";
import { Pending } from "./messages/pending.js";
import { Scroll } from "./messages/scroll.js";
import { Outbox } from "./outbox.js";
import { clockText, SessionView } from "./session.js";

const root = document.querySelector("[data-talk]");
const id = Number(root.dataset.talk);
const other = root.dataset.side === "client" ? "agent" : "client";
const isNewest = root.dataset.isNewest === "1";
const first = JSON.parse(document.getElementById("session").textContent);

const scroll = new Scroll(root);
const list = new MessageList(root, scroll);
new Pager(root, list);
const view = new SessionView([root, document.getElementById("panel")], first);
const composer = new Composer(root, (text) => outbox.send(text));
const outbox = new Outbox(root.dataset.talk, new Pending(list), composer.isOpen, edit);
if (first.status === "ended") showUnsent();

let agentId = first.agent?.id;
let clockAt = first.clock_started_at;
let readId = first[`${root.dataset.side}_read_id`];
let isBehind = null; // the cursor to catch up from, while that has not worked
let hasLeft = false;

stream.addEventListener("news", async ({ detail }) => {
  const session = detail.sessions.find((each) => each.id === id);
  if (session) hasLeft = false;
  else if (detail.removed.includes(id)) leave(detail.from);
  if (hasLeft) return;
  // The messages first: whatever goes wrong with what is around them, they are shown.
  const isShort = session?.messages === null || isBehind !== null;
  const whole = isShort ? catchUp(isBehind ?? detail.from) : session?.messages.forEach(add);
  if (session) show(session);
  showPeer(detail.peers[id] ?? "");
  await whole;
  markRead();
});
scroll.addEventListener("seen", markRead);
document.addEventListener("visibilitychange", markRead);
addEventListener("focus", markRead);
showPeer(live.peers[id] ?? "");
markRead();

function show(session) {
  if (session.agent?.id !== agentId) showAgent(session.agent); // somebody took it, or it was handed over
  view.show(session);
  const startedAt = session.clock_started_at;
  if (isNewest && startedAt && startedAt !== clockAt) list.tellClock(startedAt, clockText(session));
  clockAt = startedAt;
  if (session.status === "ended") showUnsent();
  list.setRead(session[`${other}_read_id`]);
  const rating = root.querySelector("[data-rating]");
  if (rating) rating.hidden = !session.accepted_at;
}

// In its place: a reload would take what is being typed.
function showAgent(agent) {
  agentId = agent?.id;
  if (!agent || other !== "agent") return;
  root.querySelector("[data-other-name]").textContent = agent.name;
  const avatar = root.querySelector(".talk-head .avatar");
  Object.assign(avatar, { className: `avatar hue-${agent.id % 6}`, textContent: initials(agent.name), hidden: false });
}

// Another agent goes on; if this one gets it back, what was missed is fetched.
async function leave(cursor) {
  hasLeft = true;
  isBehind ??= cursor;
  view.leave();
  showPeer("");
  showUnsent();
  const answer = await fetch(address(`sessions/${id}`)).catch(() => null);
  const page = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
  const heir = page.querySelector("[data-heir]")?.textContent;
  if (heir) root.querySelector("[data-heir]").textContent = heir;
}

// What was refused is written again.
function edit(text) {
  composer.insert(text);
  showUnsent();
}

// What was half written when it ended, or was handed over, stays in view.
function showUnsent() {
  for (const unsent of root.querySelectorAll("[data-unsent]")) {
    unsent.textContent = root.querySelector("#message").value;
    unsent.hidden = !unsent.textContent;
  }
}

function add(message) {
  if (isNewest) list.add(message);
}

// More than an answer of the stream has room for.
async function catchUp(cursor) {
  isBehind = cursor;
  // After a restored backup the refusal says where to begin.
  const page = await get(`messages/${id}`, { cursor }).catch(({ body }) => { isBehind = body?.cursor ?? cursor; });
  if (!page) return;
  page.messages.forEach(add);
  isBehind = null;
  if (page.has_more) await catchUp(page.cursor);
}

function showPeer(peer) {
  const element = root.querySelector("[data-peer]");
  const isTyping = peer === "typing";
  root.querySelector("[data-typing]").hidden = !isTyping;
  if (element.dataset.peer !== peer) element.textContent = words.peers[peer] ?? "";
  element.dataset.peer = peer;
  if (isTyping) scroll.keepEnd();
}

function markRead() {
  const last = list.lastId;
  if (isBehind !== null || document.hidden || !document.hasFocus() || !scroll.isAtEnd || last <= readId) return;
  readId = last;
  post("read", { chat_session_id: id, message_id: last }).catch(() => { readId = 0; });
}
