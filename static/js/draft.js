// What is half written, kept for each conversation.
//
// Two tabs of one conversation have a draft each, which a reload of the tab gives back. A tab that is new begins with
// the last one that any tab has kept, so a draft outlives its tab; only the tab that kept it takes it away.

import { user } from "./live.js";
import { kept, visit } from "./safe.js";

export class Draft {
  #name; #text;

  constructor(sessionId) {
    this.#name = `draft:${user.id}:${sessionId}`;
    this.#text = visit.get(this.#name) ?? kept.get(this.#name) ?? "";
  }

  get text() { return this.#text; }

  set text(text) {
    visit.set(this.#name, text);
    if (text) kept.set(this.#name, text);
    else if (kept.get(this.#name) === this.#text) kept.remove(this.#name);
    this.#text = text;
  }
}
