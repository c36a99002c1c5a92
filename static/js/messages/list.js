// The list of messages and of what happened between them: each is there once and in order, whatever arrives twice or
// late. Nothing that is done for one message depends on how many there are, and what is out of view costs the browser
// something by the page, not by the message.

import { LINE, after, arrange, before, put, step } from "./days.js";
import { renew } from "./events.js";
import { build, isOwn, markSent, offerCopy, setSent, setState } from "./message.js";

const PAGE_LINES = 50;

// A message by its id, and what happened after it; one that waits to be confirmed is the newest.
const orderOf = ({ dataset: { after, id } }) => (after ? Number(after) + 0.5 : Number(id || Infinity));

// A page that is out of view is not drawn; nothing moves when it is again, for its height is known.
function rest(page) {
  if (!page) return;
  page.style.containIntrinsicBlockSize = `auto ${page.offsetHeight}px`;
  page.classList.add("is-at-rest");
}

export class MessageList {
  #root; #list; #empty; #side; #scroll; #newest; #told;
  #byId = new Map();
  #byKey = new Map();
  #unread = new Set(); // one's own that the other side has not read
  #lastId = 0;

  constructor(root, scroll, told) {
    this.#root = root;
    this.#told = told;
    this.#list = root.querySelector("[data-messages]");
    this.#empty = root.querySelector("[data-empty]");
    this.#side = root.dataset.side;
    this.#scroll = scroll;
    for (const item of this.#list.querySelectorAll(LINE)) {
      if (item.dataset.id) {
        offerCopy(item);
        this.#note(item);
      }
      arrange(item);
    }
    this.#reach();
    this.#list.addEventListener("keydown", (event) => this.#walk(event));
    const sought = this.#byId.get(Number(location.hash.replace("#message-", "")));
    if (sought) scroll.to(sought);
    else scroll.toEnd();
  }

  get firstId() { return this.#list.querySelector('.message:not([data-id=""])')?.dataset.id; }
  // Of the other side's: one's own may be confirmed before what was written earlier is here.
  get lastId() { return this.#lastId; }
  find(key) { return this.#byKey.get(key); }

  // A message of the wire; true when it is new here. One that is here was edited, or is told again.
  add(message) {
    const known = this.#byId.get(message.id);
    if (known) {
      this.#scroll.keep(() => setState(known, message));
      return false;
    }
    const isMine = message.sender_type === this.#side;
    const isPending = isMine && this.#byKey.has(message.client_message_id);
    const item = this.#take(message);
    const next = this.#newerThan(item);
    // Only what is not in its place is moved: a screen reader says again what moves.
    const isPlaced = item.isConnected && after(item, LINE) === next;
    this.change(item, () => isPlaced || this.#insert(item, next), isMine);
    if (!isMine) this.#scroll.count();
    return !isPending;
  }

  // A page of the history, the oldest first: inserted at once, with what happened then.
  addOlder({ messages, has_more }) {
    this.#root.dataset.hasMore = Number(has_more);
    const items = messages.filter(({ id }) => !this.#byId.has(id)).map((message) => this.#take(message));
    const first = this.#list.querySelector(LINE);
    const page = this.#newPage();
    page.append(...items);
    items.forEach(arrange);
    this.#scroll.keepBelow(() => {
      if (items.length) this.#list.prepend(page);
      if (first) arrange(first);
      this.#renew();
      rest(page.nextElementSibling?.nextElementSibling);
    });
  }

  // What has happened, all of it, as it is known now.
  tell(session) {
    this.#told = session;
    this.#renew();
  }

  // Of that what belongs to the messages that are here.
  #renew() {
    const first = this.#root.dataset.hasMore === "1" ? this.firstId : 0;
    const last = this.#root.dataset.isNewest === "1" ? Infinity : Math.max(0, ...this.#byId.keys());
    const events = this.#told.events.filter(({ after_message_id: id }) => id >= first && id <= last);
    const insert = (line) => this.change(line, () => this.#insert(line, this.#behind(line)));
    const gone = renew(this.#list.querySelectorAll(".event"), { ...this.#told, events }, insert);
    for (const line of gone) this.change(line, () => line.remove());
  }

  append(item) { this.change(item, () => this.#insert(item, null), true); }

  remove(item) {
    this.#byKey.delete(item.dataset.key);
    this.change(item, () => item.remove());
  }

  // What one does oneself is brought into view.
  change(item, act, isMine = false) {
    const around = () => [before(item, LINE), item, after(item, LINE)];
    this.#scroll.keep(() => {
      const left = around();
      act();
      if (item.isConnected) this.#note(item);
      for (const each of new Set([...left, ...around()])) if (each?.isConnected) arrange(each);
      this.#trim();
      this.#empty.hidden = !!this.#list.querySelector(".message");
      this.#reach();
    }, isMine);
  }

  // The other side has read up to this message.
  setRead(id) {
    for (const item of this.#unread) {
      if (Number(item.dataset.id) > id) continue;
      markSent(item, true);
      this.#unread.delete(item);
    }
  }

  // As an item, which may be here already, waiting to be confirmed.
  #take(message) {
    const isMine = message.sender_type === this.#side;
    const key = isMine ? message.client_message_id : null;
    const item = (key && this.find(key)) || build(message.message, isMine, key, message.attachment);
    setSent(item, message.id, message.created_at, message.sender_name);
    setState(item, message);
    if (isMine) markSent(item, message.is_read === 1);
    this.#note(item);
    return item;
  }

  #note(item) {
    const { id, key, read } = item.dataset;
    if (key) this.#byKey.set(key, item);
    if (!id) return;
    this.#byId.set(Number(id), item);
    if (!isOwn(item)) this.#lastId = Math.max(this.#lastId, id);
    else if (read === undefined) this.#unread.add(item);
  }

  get #last() { return this.#list.lastElementChild.lastElementChild; }

  #newPage() { return Object.assign(document.createElement("ol"), { className: "messages" }); }

  // Before another one, or as the last one of all.
  #insert(item, next) {
    if (next) put(item, next);
    else {
      const page = this.#list.lastElementChild;
      if (page.childElementCount >= PAGE_LINES) {
        this.#list.append(this.#newPage());
        rest(page.previousElementSibling);
      }
      this.#list.lastElementChild.append(item);
    }
  }

  // It does not end with the day of what is gone, or a page of nothing.
  #trim() {
    if (this.#last?.matches("[data-day]")) this.#last.remove();
    if (!this.#last && this.#list.childElementCount > 1) this.#list.lastElementChild.remove();
  }

  // The first that is newer, or waits to be confirmed: most come last, so it is looked for from the end.
  #newerThan(item) {
    let next = null;
    for (let each = this.#last; each; each = step(each, "previousElementSibling")) {
      if (each === item || !each.matches(LINE)) continue;
      if (orderOf(each) <= orderOf(item)) break;
      next = each;
    }
    return next;
  }

  // What comes after a line of what happened: its message is known, or it is the first of all.
  #behind(line) {
    const { after: id, at } = line.dataset;
    const message = this.#byId.get(Number(id));
    if (!message && id !== "0") return this.#newerThan(line);
    let next = message ? step(message, "nextElementSibling") : this.#list.firstElementChild.firstElementChild;
    for (let each = next; each?.matches("[data-day], .event"); each = step(each, "nextElementSibling")) {
      if (each.dataset.at <= at) next = step(each, "nextElementSibling");
    }
    return next;
  }

  // The keyboard passes all of them with one press: it stops at the newest, and arrows lead on from there.
  #reach() {
    const last = this.#last;
    const newest = last && (last.matches(".message") ? last : before(last));
    if (newest === this.#newest) return;
    this.#newest?.querySelector("[data-copy]").setAttribute("tabindex", "-1");
    newest?.querySelector("[data-copy]").removeAttribute("tabindex");
    this.#newest = newest;
  }

  #walk(event) {
    const step = { ArrowUp: before, ArrowDown: after }[event.key];
    if (!step || !event.target.matches("[data-copy]")) return;
    event.preventDefault();
    step(event.target.closest(".message"))?.querySelector("[data-copy]").focus();
  }
}
