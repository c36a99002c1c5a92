// What is on its way to the server: kept across a reload, sent in order, each with a key so that sending it
// again stores it once.

import { post } from "./api.js";
import { stream, user, words } from "./live.js";

const LONGEST_PAUSE_MS = 30_000;

export class Outbox {
  #name; #sessionId; #pending; #waiting; #isSending = false; #failures = 0;

  constructor(sessionId, pending) {
    this.#sessionId = sessionId;
    this.#pending = pending;
    this.#name = `outbox:${user.id}:${sessionId}`;
    this.#waiting = JSON.parse(localStorage.getItem(this.#name) ?? "[]");
    for (const item of this.#waiting) pending.add(item);
    addEventListener("online", () => this.#flush());
    stream.addEventListener("mode", ({ detail }) => detail !== "offline" && this.#flush());
    this.#flush();
  }

  send(text) {
    const item = { key: newKey(), text };
    this.#waiting.push(item);
    this.#save();
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
      const { messageId } = await post("/api/chat/message", content);
      this.#failures = 0;
      this.#drop(item);
      this.#pending.confirm(item.key, messageId);
      return true;
    } catch (error) {
      const isFinal = error.status >= 400 && error.status < 500 && error.status !== 429;
      if (isFinal) this.#drop(item);
      const reason = words.problems[error.code] ?? words.failed;
      this.#pending.fail(item.key, reason, () => this.#again(item));
      if (!isFinal) setTimeout(() => this.#flush(), Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++));
      return isFinal;
    }
  }

  #again(item) {
    if (!this.#waiting.includes(item)) this.#waiting.push(item);
    this.#save();
    this.#flush();
  }

  #drop(item) {
    this.#waiting = this.#waiting.filter((other) => other !== item);
    this.#save();
  }

  #save() {
    if (this.#waiting.length) localStorage.setItem(this.#name, JSON.stringify(this.#waiting));
    else localStorage.removeItem(this.#name);
  }
}

// crypto.randomUUID is for https only.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
