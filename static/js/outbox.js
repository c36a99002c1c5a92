// What is on its way to the server: kept across a reload, sent in order, each with a key so that sending it
// again stores it once.
//
// Each message is an entry of its own in the browser's storage: tabs that kept a list there would overwrite one
// another's. A tab sends what it wrote and what it found; what two tabs send at once has one key, and is stored once.

import { post } from "./api.js";
import { stream, user, words } from "./live.js";
import { attempt, kept } from "./safe.js";

// Kept until the person who wrote it is signed in again.
const WRONG_READER = ["not_authenticated", "other_user"];
const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  #prefix; #sessionId; #pending; #waiting; #isSending = false; #failures = 0;

  constructor(sessionId, pending) {
    this.#sessionId = sessionId;
    this.#pending = pending;
    this.#prefix = `outbox:${user.id}:${sessionId}:`;
    this.#waiting = this.#stored();
    for (const item of this.#waiting) pending.add(item);
    addEventListener("online", () => this.#flush());
    addEventListener("focus", () => this.#flush()); // perhaps from signing in in another tab
    stream.addEventListener("mode", ({ detail }) => detail !== "offline" && this.#flush());
    this.#flush();
  }

  send(text) {
    const item = { key: newKey(), text };
    this.#keep(item);
    this.#pending.add(item);
    this.#flush();
  }

  async #flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#waiting.length && (await this.#sendOne(this.#waiting[0])));
    this.#isSending = false;
  }

  // True when the next may go.
  async #sendOne(item) {
    try {
      const content = { chat_session_id: Number(this.#sessionId), message: item.text, client_message_id: item.key };
      const { messageId } = await post("message", content);
      this.#failures = 0;
      this.#drop(item);
      this.#pending.confirm(item.key, messageId);
      return true;
    } catch (error) {
      if (WRONG_READER.includes(error.code)) {
        const { name } = error.body;
        const reason = name ? words.other_user.replace("{name}", name) : words.signed_out;
        const label = name ? words.reload : words.sign_in;
        for (const { key } of this.#waiting) {
          const fate = kept.get(this.#prefix + key) === null ? words.not_kept : words.kept;
          this.#pending.fail(key, `${reason} ${fate}`, () => location.reload(), label);
        }
        return false;
      }
      const isFinal = error.status >= 400 && error.status < 500 && error.status !== 429;
      if (isFinal) this.#drop(item);
      const reason = words.problems[error.code] ?? words.failed;
      this.#pending.fail(item.key, reason, () => this.#again(item));
      if (!isFinal) setTimeout(() => this.#flush(), Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++));
      return isFinal;
    }
  }

  #again(item) {
    if (!this.#waiting.includes(item)) this.#keep(item);
    this.#flush();
  }

  // After all that wait already, also those of other tabs and when the clock was put back.
  #keep(item) {
    item.at = Math.max(Date.now(), ...this.#stored().map(({ at }) => at + 1));
    kept.set(this.#prefix + item.key, JSON.stringify(item));
    this.#waiting.push(item);
  }

  #drop(item) {
    this.#waiting = this.#waiting.filter((other) => other !== item);
    kept.remove(this.#prefix + item.key);
  }

  #stored() {
    const names = kept.names().filter((name) => name.startsWith(this.#prefix));
    const items = names.map((name) => attempt(() => JSON.parse(kept.get(name))));
    return items.filter(Boolean).sort((one, other) => one.at - other.at); // a tab may have dropped one meanwhile
  }
}

// crypto.randomUUID is for https only.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
