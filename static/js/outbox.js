// What is on its way to the server: kept across a reload, sent in order, each with a key so that sending it
// again stores it once.
//
// Each message is an entry of its own in the browser's storage: tabs that kept a list there would overwrite one
// another's. A tab sends what it wrote and what it found; what two tabs send at once has one key, and is stored once.

import { post, reload } from "./api.js";
import { stream, user, words } from "./live.js";
import { attempt, kept } from "./safe.js";

// Kept until the person who wrote it is signed in again.
const WRONG_READER = ["not_authenticated", "other_user"];
const LATER = [408, 425, 429]; // not now; any other status from 400 to 499 is for good
const OVER = ["session_ended", "not_found"]; // nothing can be sent here any more
const LONGEST_PAUSE_MS = 30_000;

// That of the conversation which is shown, and those of others that were left with something to send.
const outboxes = new Map();
const flushAll = () => outboxes.forEach((outbox) => outbox.flush());
addEventListener("online", flushAll);
addEventListener("focus", flushAll); // perhaps from signing in in another tab
stream?.addEventListener("mode", ({ detail }) => detail !== "offline" && flushAll());

export class Outbox {
  #prefix; #sessionId; #pending; #edit; #waiting; #isSending = false; #failures = 0;

  // One for each conversation: what two send at once arrives once, and is asked for twice.
  static of(sessionId) {
    if (!outboxes.has(sessionId)) outboxes.set(sessionId, new Outbox(sessionId));
    return outboxes.get(sessionId);
  }

  constructor(sessionId) {
    this.#sessionId = sessionId;
    this.#prefix = prefixOf(sessionId);
    this.#waiting = stored(this.#prefix).filter(({ refused }) => !refused);
  }

  // `edit(text)` gets what was refused, to be written again; `isOpen` tells whether anything can be written.
  show(pending, isOpen, edit) {
    this.#pending = pending;
    this.#edit = edit;
    const refused = stored(this.#prefix).filter((item) => item.refused);
    for (const item of [...refused, ...this.#waiting].sort(byTime)) {
      pending.add(item);
      if (item.refused) this.#showRefused(item, !isOpen);
    }
    this.flush();
  }

  // The conversation is left: what waits is sent all the same.
  hide() {
    this.#pending = this.#edit = null;
    if (!this.#waiting.length) outboxes.delete(this.#sessionId);
  }

  send(text) {
    const item = { key: newKey(), text };
    this.#keep(item);
    this.#pending.add(item);
    this.flush();
  }

  async flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    while (this.#waiting.length && (await this.#sendOne(this.#waiting[0])));
    this.#isSending = false;
    if (!this.#pending) this.hide();
  }

  // True when the next may go.
  async #sendOne(item) {
    try {
      const content = { chat_session_id: Number(this.#sessionId), message: item.text, client_message_id: item.key };
      const { messageId } = await post("message", content);
      this.#failures = 0;
      this.#drop(item);
      this.#pending?.confirm(item.key, messageId);
      return true;
    } catch (error) {
      if (WRONG_READER.includes(error.code)) {
        const { name } = error.body;
        const reason = name ? words.other_user.replace("{name}", name) : words.signed_out;
        const label = name ? words.reload : words.sign_in;
        for (const { key } of this.#waiting) {
          const fate = kept.get(this.#prefix + key) === null ? words.not_kept : words.kept;
          this.#pending?.fail(key, `${reason} ${fate}`, reload, label);
        }
        return false;
      }
      if (error.status >= 400 && error.status < 500 && !LATER.includes(error.status)) {
        item.mayResume = error.body?.may_resume;
        this.#refuse(item, error.code);
        return true;
      }
      this.#pending?.fail(item.key, words.problems[error.code] ?? words.failed, () => this.flush());
      setTimeout(() => this.flush(), Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.#failures++));
      return false;
    }
  }

  // After all that wait already, also those of other tabs and when the clock was put back.
  #keep(item) {
    item.at = Math.max(Date.now(), ...stored(this.#prefix).map(({ at }) => at + 1));
    this.#store(item);
    this.#waiting.push(item);
  }

  #store(item) { kept.set(this.#prefix + item.key, JSON.stringify(item)); }

  #drop(item) {
    this.#waiting = this.#waiting.filter((other) => other !== item);
    kept.remove(this.#prefix + item.key);
  }

  // Asked again, it would be the same: kept with why, until whoever wrote it takes it away.
  #refuse(item, code = "failed") {
    this.#waiting = this.#waiting.filter((other) => other !== item);
    item.refused = code;
    this.#store(item);
    this.#showRefused(item, OVER.includes(code));
  }

  #showRefused(item, isOver) {
    const takeAway = () => {
      this.#drop(item);
      this.#pending?.remove(item.key);
      if (!isOver) this.#edit?.(item.text);
    };
    const reason = words.problems[item.refused] ?? words.failed;
    if (item.mayResume) this.#pending?.fail(item.key, reason, () => this.#resume(item), words.go_on_and_send);
    else this.#pending?.fail(item.key, reason, takeAway, isOver ? words.remove : words.edit);
  }

  // The clock runs again, and what was refused in the pause goes first.
  async #resume(item) {
    try {
      await post(`sessions/${this.#sessionId}/resume`, {});
    } catch (error) {
      this.#pending?.fail(item.key, words.problems[error.code] ?? words.failed, () => this.#resume(item), words.go_on_and_send);
      return;
    }
    for (const each of stored(this.#prefix).filter(({ refused }) => refused === "session_paused")) {
      delete each.refused;
      this.#store(each);
      this.#waiting.push(each);
    }
    this.flush();
  }
}

// What was written for a conversation and is not sent, in the order of writing.
export const unsent = (sessionId) => stored(prefixOf(sessionId)).map(({ text }) => text);

const byTime = (one, other) => one.at - other.at;
const prefixOf = (sessionId) => `outbox:${user.id}:${sessionId}:`;

function stored(prefix) {
  const names = kept.names().filter((name) => name.startsWith(prefix));
  const items = names.map((name) => attempt(() => JSON.parse(kept.get(name))));
  return items.filter(Boolean).sort(byTime); // a tab may have dropped one meanwhile
}

// crypto.randomUUID is for https only. A key is to be another one each time, not a secret.
export function newKey() {
  const bytes = new Uint8Array(16);
  if (!attempt(() => crypto.getRandomValues(bytes))) bytes.forEach((_, at) => { bytes[at] = Math.random() * 256; });
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
