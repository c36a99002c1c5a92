// The list of messages: each is there once and in order, whatever arrives twice or late.

import { arrange } from "./days.js";
import { build, isOwn, markSent, offerCopy, setSent } from "./message.js";

export class MessageList {
  #list; #empty; #side; #scroll;

  constructor(root, scroll) {
    this.#list = root.querySelector("[data-messages]");
    this.#empty = root.querySelector("[data-empty]");
    this.#side = root.dataset.side;
    this.#scroll = scroll;
    this.#items().forEach(offerCopy);
    arrange(this.#list);
    scroll.toEnd();
  }

  get firstId() { return this.#items().find((item) => item.dataset.id)?.dataset.id; }
  // Of the other side's: one's own may be confirmed before what was written earlier is here.
  get lastId() { return Math.max(0, ...this.#items().map((item) => (isOwn(item) ? 0 : Number(item.dataset.id)))); }
  find(key) { return this.#items().find((item) => item.dataset.key === key); }

  // A message of the wire; true when it is new here.
  add(message) {
    if (this.#list.querySelector(`[data-id="${message.id}"]`)) return false;
    const isMine = message.sender_type === this.#side;
    const pending = isMine && message.client_message_id && this.find(message.client_message_id);
    const item = pending || build(message.message, isMine, message.client_message_id);
    setSent(item, message.id, message.created_at, message.sender_name);
    if (isMine) markSent(item, message.is_read === 1);
    const next = this.#items().find((other) => other !== item && Number(other.dataset.id || Infinity) > message.id);
    // Only what is not in its place is moved: a screen reader says again what moves.
    const isPlaced = item.isConnected && item.nextElementSibling === (next ?? null);
    this.change(() => isPlaced || this.#list.insertBefore(item, next ?? null), isMine);
    if (!isMine) this.#scroll.count();
    return !pending;
  }

  // That the clock has started: after what was said before, and once.
  tellClock(at, text) {
    const next = this.#items().find((item) => !(item.dataset.at <= at));
    const before = next?.previousElementSibling?.matches("[data-day]") ? next.previousElementSibling : next;
    const line = Object.assign(document.createElement("li"), { className: "day", textContent: text });
    line.dataset.clock = "";
    this.#scroll.keep(() => this.#list.insertBefore(line, before ?? null));
  }

  append(item) { this.change(() => this.#list.append(item), true); }

  // What one does oneself is brought into view.
  change(act, isMine = false) {
    this.#scroll.keep(() => {
      act();
      this.#empty.hidden = true;
      arrange(this.#list);
    }, isMine);
  }

  // The other side has read up to this message.
  setRead(id) {
    for (const item of this.#items()) {
      const isSent = isOwn(item) && item.dataset.id && item.dataset.read === undefined;
      if (isSent && Number(item.dataset.id) <= id) markSent(item, true);
    }
  }

  #items() { return [...this.#list.querySelectorAll(".message")]; }
}
