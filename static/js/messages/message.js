// One message: its markup is templates/_message.html, filled in here.

import { setTime } from "../format.js";
import { words } from "../live.js";
import { canCopy, copy } from "../safe.js";
import { attach } from "./attachment.js";
import { linked } from "./links.js";

const COPIED_MS = 1500;

export const isOwn = (item) => item.classList.contains("is-own");

export function build(text, isMine, key, attachment) {
  const item = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  item.classList.add(isMine ? "is-own" : "is-other");
  if (isMine && key) item.dataset.key = key;
  attach(item, attachment);
  const place = item.querySelector(".text");
  place.hidden = !!attachment && text === attachment.name;
  if (text) place.replaceChildren(...linked(text));
  else place.append(Object.assign(document.createElement("span"), { className: "soft", textContent: words.deleted }));
  offerCopy(item);
  return item;
}

// The server has it.
export function setSent(item, id, createdAt, senderName) {
  item.classList.remove("is-pending", "is-failed");
  item.dataset.id = id;
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
