// Files on their way to the server, one after the other: each with a key, so that what is sent again is stored once.
//
// They are in this page's memory alone, so a page that is left says so first.

import { upload } from "./api.js";
import { words } from "./live.js";
import { newKey } from "./outbox.js";

const LATER = [0, 408, 425, 429]; // not now; any other status from 400 to 499 is for good
const LONGEST_PAUSE_MS = 30_000;

const all = new Map();
addEventListener("online", () => all.forEach((uploads) => uploads.flush()));
addEventListener("beforeunload", (event) => { if ([...all.values()].some((uploads) => uploads.isBusy)) event.preventDefault(); });

export class Uploads {
  #sessionId; #pending; #waiting = []; #current = null; #timer; #failures = 0;

  static of(sessionId) {
    if (!all.has(sessionId)) all.set(sessionId, new Uploads(sessionId));
    return all.get(sessionId);
  }

  constructor(sessionId) { this.#sessionId = sessionId; }

  get isBusy() { return this.#waiting.length > 0; }

  show(pending) {
    this.#pending = pending;
    this.#waiting.forEach((item) => this.#add(item));
    this.flush();
  }

  // The conversation is left: what waits is sent all the same.
  hide() { this.#pending = null; }

  async send({ file, picture }, text) {
    const shown = await picture;
    const facts = { name: file.name, bytes: file.size, width: shown?.width, height: shown?.height, thumbnail_url: shown?.url ?? null };
    const item = { key: newKey(), file, text, attachment: facts };
    this.#waiting.push(item);
    this.#add(item);
    this.flush();
  }

  #add(item) { this.#pending?.add({ key: item.key, text: item.text || item.file.name, attachment: item.attachment }, () => this.#cancel(item)); }

  async flush() {
    clearTimeout(this.#timer);
    if (this.#current) return;
    while (this.#waiting.length && (await this.#sendOne(this.#waiting[0])));
  }

  async #sendOne(item) {
    this.#current = upload(this.#sessionId, item, (part) => this.#pending?.progress(item.key, part));
    try {
      const { messageId } = await this.#current.done;
      this.#failures = 0;
      this.#drop(item);
      this.#pending?.confirm(item.key, messageId);
      return true;
    } catch (error) {
      if (!this.#waiting.includes(item)) return true; // cancelled
      const reason = words.problems[error.code] ?? words.failed;
      if (error.status >= 400 && error.status < 500 && !LATER.includes(error.status)) {
        this.#drop(item);
        this.#pending?.fail(item.key, reason, () => this.#pending.remove(item.key), words.remove);
        return true;
      }
      this.#pending?.fail(item.key, reason, () => this.flush());
      this.#timer = setTimeout(() => this.flush(), Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++));
      return false;
    } finally {
      this.#current = null;
    }
  }

  #cancel(item) {
    const isCurrent = this.#waiting[0] === item;
    this.#drop(item);
    if (isCurrent) this.#current?.abort();
    this.#pending?.remove(item.key);
  }

  #drop(item) { this.#waiting = this.#waiting.filter((other) => other !== item); }
}
