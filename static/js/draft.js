// What is half written, kept for each conversation and note.
//
// Two tabs of one conversation have a draft each, which a reload of the tab gives back. A tab that is new begins with
// the last one that any tab has kept, so a draft outlives its tab; only the tab that kept it takes it away.

import { reader } from "./api.js";
import { kept, visit } from "./safe.js";

export class Draft {
  #name; #text;

  constructor(name) {
    this.#name = `draft:${reader}:${name}`;
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
