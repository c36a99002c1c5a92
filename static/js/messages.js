// The list of messages: each is there once and in order, whatever arrives twice or late.

import { get } from "./api.js";
import { instant, setTime, time } from "./format.js";
import { words } from "./live.js";

const PAGE_SIZE = 50;
const AT_END_PX = 60;
const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;

export class MessageList extends EventTarget {
  #log; #list; #side; #sessionId; #templates; #jump; #unseen = 0; #isLoading = false; #hasMore;

  constructor(root) {
    super();
    this.#log = root.querySelector("[data-log]");
    this.#list = root.querySelector("[data-messages]");
    this.#jump = root.querySelector("[data-jump]");
    this.#side = root.dataset.side;
    this.#sessionId = root.dataset.talk;
    this.#hasMore = root.dataset.hasMore === "1";
    this.#templates = Object.fromEntries(
      ["message", "day"].map((name) => [name, document.getElementById(`${name}-template`).content.firstElementChild]),
    );
    for (const item of this.#items()) this.#offerCopy(item);
    this.#arrange();
    this.toEnd();
    this.#jump.onclick = () => this.toEnd("smooth");
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#wasAtEnd && this.toEnd()).observe(this.#log);
  }

  #wasAtEnd = true;
  get isAtEnd() { return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < AT_END_PX; }
  get lastId() { return Math.max(0, ...this.#items().map((item) => Number(item.dataset.id))); }
  has(key) { return this.#byKey(key) !== undefined; }

  // A message of the wire; true when it is new here.
  add(message) {
    if (this.#list.querySelector(`[data-id="${message.id}"]`)) return false;
    const isOwn = message.sender_type === this.#side;
    const pending = isOwn && message.client_message_id && this.#byKey(message.client_message_id);
    const item = pending || this.#build(message.message, isOwn, message.client_message_id);
    item.classList.remove("is-pending", "is-failed");
    item.dataset.id = message.id;
    item.dataset.at = message.created_at;
    item.querySelector("[data-sender]").textContent = message.sender_name;
    setTime(item.querySelector("time"), message.created_at, "clock");
    if (isOwn) this.#tick(item, message.is_read === 1);
    const next = this.#items().find((other) => other !== item && Number(other.dataset.id || Infinity) > message.id);
    // Only what is not in its place is moved: a screen reader says again what moves.
    const isPlaced = item.isConnected && item.nextElementSibling === (next ?? null);
    this.#change(() => isPlaced || this.#list.insertBefore(item, next ?? null), isOwn);
    if (!isOwn && !this.#wasAtEnd) this.#count(this.#unseen + 1);
    return !pending;
  }

  addPending({ key, text }) {
    const item = this.#build(text, true, key);
    item.classList.add("is-pending");
    item.querySelector("[data-tick]").textContent = words.sending;
    this.#change(() => this.#list.append(item), true);
  }

  // What the server said to it; the stream may have brought it already.
  confirm(key, id) {
    const item = this.#byKey(key);
    if (!item || item.dataset.id) return;
    item.dataset.id = id;
    item.dataset.at = new Date().toISOString().slice(0, 19).replace("T", " ");
    item.classList.remove("is-pending", "is-failed");
    setTime(item.querySelector("time"), item.dataset.at, "clock");
    this.#tick(item, false);
    this.#change(() => {});
  }

  fail(key, reason, retry) {
    const item = this.#byKey(key);
    if (!item || item.dataset.id) return;
    item.classList.add("is-failed");
    const button = Object.assign(document.createElement("button"), { className: "quiet", type: "button", onclick: retry });
    button.textContent = words.retry;
    item.querySelector("[data-tick]").replaceChildren(`${reason} `, button);
  }

  // The other side has read up to this message.
  setRead(id) {
    for (const item of this.#list.querySelectorAll(".message.is-own[data-id]:not([data-read])")) {
      if (item.dataset.id && Number(item.dataset.id) <= id) this.#tick(item, true);
    }
  }

  toEnd(behavior = "instant") {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior });
    this.#wasAtEnd = true;
    this.#count(0);
  }

  keepEnd() { if (this.#wasAtEnd) this.toEnd(); }

  async #older() {
    const first = this.#items().find((item) => item.dataset.id);
    if (!this.#hasMore || this.#isLoading || !first) return;
    this.#isLoading = true;
    try {
      const query = { beforeMessageId: first.dataset.id, limit: PAGE_SIZE };
      const page = await get(`/api/chat/messages/${this.#sessionId}`, query);
      this.#hasMore = page.has_more;
      const bottom = this.#log.scrollHeight - this.#log.scrollTop;
      for (const message of page.messages) this.add(message);
      this.#log.scrollTop = this.#log.scrollHeight - bottom;
      if (!page.has_more) this.#log.querySelector(".earlier")?.remove();
    } catch { /* the link stays, and scrolling asks again */ }
    this.#isLoading = false;
  }

  #scrolled() {
    this.#wasAtEnd = this.isAtEnd;
    this.#jump.hidden = this.isAtEnd;
    if (this.isAtEnd) this.#count(0);
    if (this.#log.scrollTop < 400) this.#older();
  }

  #count(unseen) {
    this.#unseen = unseen;
    const badge = this.#jump.querySelector("[data-jump-count]");
    badge.hidden = !unseen;
    badge.textContent = unseen;
    this.#jump.hidden = this.#wasAtEnd;
    if (!unseen) this.dispatchEvent(new Event("seen"));
  }

  #change(act, isOwn = false) {
    const wasAtEnd = this.#wasAtEnd;
    act();
    this.#list.parentElement.querySelector("[data-empty]").hidden = true;
    this.#arrange();
    if (!this.#isLoading && (wasAtEnd || isOwn)) this.toEnd();
  }

  #items() { return [...this.#list.querySelectorAll(".message")]; }
  #byKey(key) { return this.#items().find((item) => item.dataset.key === key); }

  #build(text, isOwn, key) {
    const item = this.#templates.message.cloneNode(true);
    item.classList.add(isOwn ? "is-own" : "is-other");
    if (isOwn && key) item.dataset.key = key;
    item.querySelector(".text").replaceChildren(...linked(text));
    this.#offerCopy(item);
    return item;
  }

  #offerCopy(item) {
    const button = item.querySelector("[data-copy]");
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(item.querySelector(".text").textContent);
      const label = button.textContent;
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = label; }, 1500);
    };
  }

  #tick(item, isRead) {
    if (isRead) item.dataset.read = "";
    const name = Object.assign(document.createElement("span"), { className: "unseen" });
    name.textContent = isRead ? words.read : words.sent;
    const mark = document.createElement("span");
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = isRead ? "✓✓" : "✓";
    item.querySelector("[data-tick]").replaceChildren(name, mark);
  }

  // A line between days, and one time for what one side writes in a minute.
  #arrange() {
    let before = null;
    for (const item of this.#items()) {
      const at = item.dataset.at ? instant(item.dataset.at) : new Date();
      const date = at.toDateString();
      const line = item.previousElementSibling?.matches("[data-day]") ? item.previousElementSibling : null;
      const isWrong = line && line.dataset.day !== date;
      if (isWrong || date === before?.date) line?.remove();
      if (date !== before?.date && (!line || isWrong)) this.#list.insertBefore(this.#day(at), item);
      const minute = `${date} ${at.getHours()}:${at.getMinutes()} ${item.classList.contains("is-own")}`;
      item.classList.toggle("is-continued", minute === before?.minute);
      before?.item.classList.toggle("is-followed", minute === before.minute && !!item.dataset.id);
      item.classList.remove("is-followed");
      before = { date, minute, item };
    }
  }

  #day(at) {
    const line = this.#templates.day.cloneNode(true);
    line.dataset.day = at.toDateString();
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    const name = [words.today, words.yesterday][days] ?? time(at, "day");
    Object.assign(line.querySelector("time"), { dateTime: at.toISOString(), textContent: name });
    delete line.querySelector("time").dataset.time;
    return line;
  }
}

// Text and links; never markup.
function linked(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const href = found[0].startsWith("www.") ? `https://${found[0]}` : found[0];
    const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener noreferrer nofollow" });
    link.textContent = found[0];
    parts.push(text.slice(end, found.index), link);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
