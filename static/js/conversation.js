// A conversation: what the stream tells of it is shown, what is written goes to the outbox.

import { address, get, post } from "./api.js";
import { Composer } from "./composer.js";
import { initials } from "./format.js";
import { stream, words } from "./live.js";
import { Edits } from "./messages/edits.js";
import { MessageList } from "./messages/list.js";
import { Pager } from "./messages/pager.js";
import { Pending } from "./messages/pending.js";
import { Scroll } from "./messages/scroll.js";
import { Outbox } from "./outbox.js";
import "./page.js";
import { SessionView } from "./session.js";
import { Uploads } from "./uploads.js";

let current = null;

// The one that the page has; `heard` is what the stream told since the page was asked for.
export function start(heard = []) {
  const root = document.querySelector("[data-talk]");
  if (root) current = new Conversation(root);
  for (const detail of heard) current?.hear(detail);
}

export function stop() {
  current?.stop();
  current = null;
}

class Conversation {
  #root; #id; #other; #isNewest; #scroll; #list; #view; #composer; #edits; #outbox; #uploads;
  #revision; #agentId; #readId;
  #isBehind = null; // the cursor to catch up from, while that has not worked
  #hasLeft = false;
  #stopping = new AbortController();

  constructor(root) {
    const { side, talk, isNewest } = root.dataset;
    const { signal } = this.#stopping;
    const first = JSON.parse(document.getElementById("session").textContent);
    this.#root = root;
    this.#id = Number(talk);
    this.#other = side === "client" ? "agent" : "client";
    this.#isNewest = isNewest === "1";
    this.#revision = first.revision;
    this.#agentId = first.agent?.id;
    this.#readId = first[`${side}_read_id`];
    this.#scroll = new Scroll(root, signal);
    this.#list = new MessageList(root, this.#scroll, first);
    new Pager(root, this.#list);
    this.#view = new SessionView([root, document.getElementById("panel")], first, signal);
    const attach = (file, text) => this.#uploads.send(file, text);
    this.#composer = new Composer(root, (text) => this.#outbox.send(text), attach, signal);
    this.#edits = new Edits(root, this.#list, this.#composer, signal);
    this.#outbox = Outbox.of(talk);
    this.#uploads = Uploads.of(talk);
    const pending = new Pending(this.#list);
    this.#uploads.show(pending);
    this.#outbox.show(pending, this.#composer.isOpen, (text) => this.#edit(text));
    if (first.status === "ended") this.#showUnsent();

    const markRead = () => this.#markRead();
    stream.addEventListener("news", ({ detail }) => this.hear(detail), { signal });
    this.#scroll.addEventListener("seen", markRead, { signal });
    document.addEventListener("visibilitychange", markRead, { signal });
    addEventListener("focus", markRead, { signal });
    this.#showPeer(stream.peers[talk] ?? root.querySelector("[data-peer]").dataset.peer);
    markRead();
  }

  // It is not shown any more; what was written for it is sent all the same.
  stop() {
    this.#stopping.abort();
    this.#composer.leave();
    this.#outbox.hide();
    this.#uploads.hide();
  }

  async hear(detail) {
    const session = detail.sessions.find(({ id }) => id === this.#id);
    if (session) this.#hasLeft = false;
    else if (detail.removed.includes(this.#id)) this.#leave(detail.from);
    if (this.#hasLeft) return;
    // The messages first: whatever goes wrong with what is around them, they are shown.
    const isShort = session?.messages === null || this.#isBehind !== null;
    const whole = isShort ? this.#catchUp(this.#isBehind ?? detail.from) : session?.messages.forEach((each) => this.#add(each));
    // What was told before the page was made is older than the page.
    if (session?.revision >= this.#revision) this.#show(session);
    this.#showPeer(detail.peers[this.#id] ?? "");
    await whole;
    this.#markRead();
  }

  #show(session) {
    if (session.agent?.id !== this.#agentId) this.#showAgent(session.agent); // somebody took it, or it was handed over
    this.#view.show(session);
    if (session.events && this.#isNewest) this.#list.tell(session);
    if (session.status === "ended") {
      this.#edits.stop();
      this.#showUnsent();
      document.querySelector('.skip[href="#message"]')?.remove();
    }
    this.#list.setRead(session[`${this.#other}_read_id`]);
    const rating = this.#root.querySelector("[data-rating]");
    if (rating) rating.hidden = !session.accepted_at;
  }

  // In its place: a reload would take what is being typed.
  #showAgent(agent) {
    this.#agentId = agent?.id;
    if (!agent || this.#other !== "agent") return;
    this.#root.querySelector("[data-other-name]").textContent = agent.name;
    const avatar = this.#root.querySelector(".talk-head .avatar");
    Object.assign(avatar, { className: `avatar hue-${agent.id % 6}`, textContent: initials(agent.name), hidden: false });
  }

  // Another agent goes on; if this one gets it back, what was missed is fetched.
  async #leave(cursor) {
    this.#hasLeft = true;
    this.#edits.stop();
    this.#isBehind ??= cursor;
    this.#view.leave();
    this.#showPeer("");
    this.#showUnsent();
    const answer = await fetch(address(`sessions/${this.#id}`)).catch(() => null);
    const page = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
    const heir = page.querySelector("[data-heir]")?.textContent;
    if (heir) this.#root.querySelector("[data-heir]").textContent = heir;
  }

  // What was refused is written again.
  #edit(text) {
    this.#composer.insert(text);
    this.#showUnsent();
  }

  // What was half written when it ended, or was handed over, stays in view.
  #showUnsent() {
    for (const unsent of this.#root.querySelectorAll("[data-unsent]")) {
      unsent.textContent = this.#root.querySelector("#message").value;
      unsent.hidden = !unsent.textContent;
    }
  }

  #add(message) {
    if (this.#isNewest) this.#list.add(message);
  }

  // More than an answer of the stream has room for.
  async #catchUp(cursor) {
    this.#isBehind = cursor;
    // After a restored backup the refusal says where to begin.
    const page = await get(`messages/${this.#id}`, { cursor }).catch(({ body }) => { this.#isBehind = body?.cursor ?? cursor; });
    if (!page) return;
    page.messages.forEach((each) => this.#add(each));
    this.#isBehind = null;
    if (page.has_more) await this.#catchUp(page.cursor);
  }

  #showPeer(peer) {
    const element = this.#root.querySelector("[data-peer]");
    const isTyping = peer === "typing";
    this.#root.querySelector("[data-typing]").hidden = !isTyping;
    if (element.dataset.peer !== peer) element.textContent = words.peers[peer] ?? "";
    element.dataset.peer = peer;
    if (isTyping) this.#scroll.keepEnd();
  }

  #markRead() {
    const last = this.#list.lastId;
    if (this.#stopping.signal.aborted || this.#isBehind !== null || last <= this.#readId) return;
    if (document.hidden || !document.hasFocus() || !this.#scroll.isAtEnd) return;
    this.#readId = last;
    post("read", { chat_session_id: this.#id, message_id: last }).catch(() => { this.#readId = 0; });
  }
}

start();
