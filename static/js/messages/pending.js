// What this side has written and the server has not confirmed: shown at once, and what became of it.

import { words } from "../live.js";
import { build, markSent, offerEdit, setSent } from "./message.js";

export class Pending {
  #list;

  constructor(list) { this.#list = list; }

  add({ key, text }) {
    if (this.#list.find(key)) return;
    const item = build(text, true, key);
    item.classList.add("is-pending");
    item.querySelector("[data-tick]").textContent = words.sending;
    this.#list.append(item);
  }

  // What the server said to it; the stream may have brought it already.
  confirm(key, id) {
    const item = this.#open(key);
    if (!item) return;
    this.#list.change(item, () => {
      setSent(item, id, new Date().toISOString().slice(0, 19).replace("T", " "));
      markSent(item, false);
      offerEdit(item);
    });
  }

  fail(key, reason, act, label = words.retry) {
    const item = this.#open(key);
    if (!item) return;
    item.classList.add("is-failed");
    const button = Object.assign(document.createElement("button"), { className: "quiet", type: "button", onclick: act });
    button.textContent = label;
    item.querySelector("[data-tick]").replaceChildren(`${reason} `, button);
  }

  remove(key) {
    const item = this.#open(key);
    if (item) this.#list.remove(item);
  }

  #open(key) {
    const item = this.#list.find(key);
    return item?.dataset.id ? undefined : item;
  }
}
