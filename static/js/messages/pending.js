// What this side has written and the server has not confirmed: shown at once, and what became of it.

import { words } from "../live.js";
import { build, markSent, offerEdit, setSent } from "./message.js";

export class Pending {
  #list; #cancels = new Map();

  constructor(list) { this.#list = list; }

  // With `cancel` it takes a while.
  add({ key, text, attachment }, cancel) {
    if (this.#list.find(key)) return;
    const item = build(text, true, key, attachment);
    item.classList.add("is-pending");
    item.querySelector("[data-tick]").textContent = words.sending;
    if (cancel) this.#cancels.set(key, cancel);
    this.#wait(item);
    this.#list.append(item);
  }

  #wait(item) {
    const cancel = this.#cancels.get(item.dataset.key);
    if (!cancel) return;
    const bar = Object.assign(document.createElement("progress"), { className: "upload-bar", value: 0, ariaLabel: words.sending });
    const button = Object.assign(document.createElement("button"), { className: "quiet", type: "button", onclick: cancel });
    button.textContent = words.cancel_upload;
    item.querySelector("[data-tick]").replaceChildren(bar, " ", button);
  }

  // How much of it has left.
  progress(key, part) {
    const item = this.#open(key);
    if (!item) return;
    item.classList.remove("is-failed");
    if (!item.querySelector("progress")) this.#wait(item);
    item.querySelector("progress").value = part;
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
