// What is half written, kept for each conversation.
//
// Two tabs of one conversation have a draft each, which a reload of the tab gives back. A tab that is new begins with
// the last one that any tab has kept, so a draft outlives its tab; only the tab that kept it takes it away.

import { user } from "./live.js";

export class Draft {
  #name; #text;

  constructor(sessionId) {
    this.#name = `draft:${user.id}:${sessionId}`;
    this.#text = sessionStorage.getItem(this.#name) ?? localStorage.getItem(this.#name) ?? "";
  }

  get text() { return this.#text; }

  set text(text) {
    sessionStorage.setItem(this.#name, text);
    if (text) localStorage.setItem(this.#name, text);
    else if (localStorage.getItem(this.#name) === this.#text) localStorage.removeItem(this.#name);
    this.#text = text;
  }
}
