// One's own last messages: written anew in the composer, or deleted.

import { post } from "../api.js";
import { words } from "../live.js";
import { offerEdit } from "./message.js";

const LOOK_AGAIN_MS = 15_000; // what can be edited is so for some minutes

export class Edits {
  #root; #list; #composer; #banner; #item = null;

  constructor(root, list, composer, signal) {
    this.#root = root;
    this.#list = list;
    this.#composer = composer;
    this.#banner = root.querySelector("[data-editing]");
    const cancel = () => this.stop();
    composer.onLast = () => this.#begin(this.#offered().at(-1)?.closest(".message"));
    composer.onCancel = cancel;
    this.#banner.querySelector("[data-edit-cancel]").onclick = cancel;
    this.#banner.querySelector("[data-delete]").onsubmit = (event) => this.#delete(event);
    root.querySelector("[data-messages]").addEventListener("click", (event) => {
      if (!event.target.matches("[data-edit]") || !composer.isOpen) return;
      event.preventDefault();
      this.#begin(event.target.closest(".message"));
    });
    const timer = setInterval(() => this.#offered().forEach((link) => offerEdit(link.closest(".message"))), LOOK_AGAIN_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  #offered() { return [...this.#root.querySelectorAll("[data-edit]:not([hidden])")]; }

  #begin(item) {
    if (!item) return;
    this.stop();
    this.#item = item;
    item.classList.add("is-being-edited");
    this.#say(words.editing);
    this.#banner.hidden = false;
    this.#composer.edit(item.querySelector(".text").textContent, (text) => this.#save(text));
  }

  stop() {
    if (!this.#item) return;
    this.#item.classList.remove("is-being-edited");
    this.#item = null;
    this.#banner.hidden = true;
    this.#composer.editNoMore();
  }

  #say(text) { this.#banner.querySelector("[role=status]").textContent = text; }

  #save(text) {
    if (text === this.#item.querySelector(".text").textContent) this.stop();
    else this.#change([], { message: text });
  }

  // Once it is confirmed (page.js asks): this is the second time.
  #delete(event) {
    const form = event.target;
    if (!form.dataset.confirmed) return;
    event.preventDefault();
    delete form.dataset.confirmed;
    this.#change(["delete"]);
  }

  // What does not arrive stays in the composer, to be sent once more: it is done once.
  async #change(what, content) {
    const item = this.#item;
    try {
      const { message } = await post(["messages", this.#root.dataset.talk, item.dataset.id, ...what].join("/"), content);
      this.#list.add(message);
      if (this.#item === item) this.stop();
    } catch (error) {
      if (this.#item === item) this.#say(words.problems[error.code] ?? words.failed);
    }
  }
}
