// One message: its markup is templates/_message.html, filled in here.

import { address } from "../api.js";
import { instant, setTime } from "../format.js";
import { live, user, words } from "../live.js";
import { canCopy, copy } from "../safe.js";
import { attach, lead } from "./attachment.js";
import { linked } from "./links.js";

const COPIED_MS = 1500;

export const isOwn = (item) => item.classList.contains("is-own");

export function build(text, isMine, key, attachment) {
  const item = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  item.classList.add(isMine ? "is-own" : "is-other");
  if (isMine && key) item.dataset.key = key;
  say(item, text, words.deleted, attachment);
  return item;
}

// What it says, or that it says nothing any more.
function say(item, text, gone, attachment) {
  attach(item, attachment);
  const place = item.querySelector(".text");
  const soft = Object.assign(document.createElement("span"), { className: "soft", textContent: gone });
  place.hidden = !!attachment && text === attachment.name;
  place.replaceChildren(...(text ? linked(text) : [soft]));
  offerCopy(item);
}

// As the wire has it: what is older than what is shown changes nothing.
export function setState(item, message) {
  if (message.revision < Number(item.dataset.revision)) return;
  item.dataset.revision = message.revision;
  const { message: text, edited_at: editedAt, is_deleted: isDeleted, attachment } = message;
  if (editedAt) say(item, text, isDeleted ? words.deleted_by_writer : words.deleted, attachment);
  if (attachment) lead(item, attachment.url);
  item.querySelector("[data-edited]").hidden = !editedAt || !text;
  if (message.sender_id === user?.id) offerEdit(item);
}

// The server has it.
export function setSent(item, id, createdAt, senderName) {
  item.classList.remove("is-pending", "is-failed");
  item.dataset.id = id;
  item.id = `message-${id}`;
  item.dataset.at = createdAt;
  if (senderName) item.querySelector("[data-sender]").textContent = senderName;
  setTime(item.querySelector("time"), createdAt, "clock");
}

export function markSent(item, isRead) {
  if (isRead) item.dataset.read = "";
  const name = Object.assign(document.createElement("span"), { className: "unseen" });
  name.textContent = isRead ? words.read : words.sent;
  const mark = document.createElement("span");
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = isRead ? "✓✓" : "✓";
  item.querySelector("[data-tick]").replaceChildren(name, mark);
}

// Of one's own, while the server takes it.
export function offerEdit(item) {
  const { id, at } = item.dataset;
  const link = item.querySelector("[data-edit]");
  const { editMinutes, talk } = document.querySelector("[data-talk]").dataset;
  const age = Date.now() - live.skew - instant(at);
  link.hidden = age >= editMinutes * 60_000 || !!item.querySelector(".text > .soft");
  link.href = address(`sessions/${talk}/messages/${id}`);
}

export function offerCopy(item) {
  const button = item.querySelector("[data-copy]");
  const text = item.querySelector(".text");
  button.hidden = !canCopy() || text.hidden || !!text.querySelector(".soft"); // of what was deleted
  button.onclick = async () => {
    if (!(await copy(item.querySelector(".text").textContent))) return;
    const label = button.textContent;
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = label; }, COPIED_MS);
  };
}
