// What all tabs of this browser hear, over one request: browsers allow six connections to a host.
//
// The tab that has the lock asks, and tells the others over a BroadcastChannel. Each answer covers what changed
// between two cursors, so a tab that finds a gap asks for itself: nothing is missed, and what is heard twice is
// older than the tab's own cursor.

import { Line } from "./line.js";
import { GRACE_MS, isRefusal } from "./poller.js";
import { attempt, ours } from "./safe.js";

const HELLO_MS = 2000; // whoever asks has answered by then

export class Stream extends EventTarget {
  mode = "off"; // websocket, stream, live, polling, offline, stopped
  #cursor; #peers; #silence; #name; #line; #channel; #queue; #watch;
  #isLeader = false;

  get isLeader() { return this.#isLeader; }
  get peers() { return this.#peers; }

  constructor(page) {
    super();
    this.#cursor = page.cursor;
    this.#peers = page.peers;
    this.#silence = page.hold_seconds * 1000 + 2 * GRACE_MS;
    this.#name = ours(`tete-a-tete:${page.user.id}`);
    this.#line = new Line(page, () => ({ cursor: this.#cursor, peers: this.#peers }));
    this.#line.addEventListener("answer", ({ detail }) => {
      this.#tell({ kind: "answer", ...detail });
      this.#take(detail.answer, detail.mode, true);
    });
    this.#line.addEventListener("mode", ({ detail }) => this.#setMode(detail));
  }

  start() {
    addEventListener("online", () => this.#isLeader && this.#line.wake());
    addEventListener("pageshow", (event) => event.persisted && this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.mode === "stopped" || this.#wake());
    addEventListener("focus", () => this.mode === "stopped" && this.#wake()); // perhaps from signing in elsewhere
    // Missing in plain http on another host: each tab for itself.
    this.#channel = attempt(() => navigator.locks && new BroadcastChannel(this.#name));
    if (!this.#channel) return void this.#lead();
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#request();
    this.#tell({ kind: "hello" });
    this.#expect(HELLO_MS);
  }

  // In line for the lock, or taking it from a tab that sleeps.
  async #request(steal = false) {
    if (!this.#channel) return void this.#lead();
    this.#queue?.abort();
    const queue = (this.#queue = new AbortController());
    try {
      await navigator.locks.request(this.#name, steal ? { steal } : { signal: queue.signal }, () => this.#lead());
    } catch {
      if (queue.signal.aborted) return; // left the line to steal
      if (!this.#isLeader) { // no locks to be had
        this.#channel = null;
        return void this.#lead();
      }
      this.#isLeader = false;
      this.#line.stop();
      this.#request();
      this.#expect(this.#silence);
    }
  }

  async #lead() {
    this.#isLeader = true;
    clearTimeout(this.#watch);
    while ((await this.#line.run()) === "refused" && (await this.#goesOn()));
  }

  // Why it was refused, a short request tells: after a restored backup it is read on from where the histories part;
  // while nobody or somebody else is signed in there is nothing to hear.
  async #goesOn() {
    const problem = await this.#line.ask().then(() => ({}), (error) => error);
    if (problem.status === 410) {
      this.#tell({ kind: "reset", cursor: problem.body.cursor });
      this.#reset(problem.body.cursor);
    } else if (isRefusal(problem)) {
      this.#isLeader = false;
      this.#setMode("stopped");
      this.#dispatch("refused", problem);
      return false;
    }
    return true;
  }

  #reset(cursor) {
    this.#cursor = cursor;
    this.#dispatch("reset");
  }

  // Take over when nothing is heard for so long.
  #expect(ms) {
    clearTimeout(this.#watch);
    if (!this.#isLeader && this.mode !== "stopped") this.#watch = setTimeout(() => this.#request(true), ms);
  }

  // This tab is looked at again: hidden ones are slowed down and frozen, so it takes the lock.
  #wake() {
    if (this.#isLeader) this.#line.wake();
    else this.#request(true);
  }

  async #hear(data) {
    if (data.kind === "hello") {
      const { mode } = this;
      if (this.#isLeader) this.#tell({ kind: "here", cursor: this.#cursor, mode, isHidden: document.hidden });
      return;
    }
    if (this.#isLeader) return;
    this.#expect(this.#silence);
    if (data.kind === "mode") this.#setMode(data.mode);
    else if (data.kind === "reset") this.#reset(data.cursor);
    else if (data.kind === "here" && data.isHidden && !document.hidden) this.#request(true);
    else if (data.kind === "here") {
      this.#setMode(data.mode);
      if (data.cursor > this.#cursor) await this.#catchUp();
    } else if (data.answer.from <= this.#cursor) this.#take(data.answer, data.mode);
    else await this.#catchUp();
  }

  async #catchUp() {
    const { answer } = await this.#line.ask().catch(() => ({}));
    if (answer) this.#take(answer, this.mode);
    if (answer?.has_more) await this.#catchUp();
  }

  // `isFirst`: by its own line, and not by another tab.
  #take(answer, mode, isFirst = false) {
    this.#setMode(mode);
    const isNew = answer.cursor >= this.#cursor;
    const sessions = answer.sessions.filter((session) => session.revision > this.#cursor);
    this.#cursor = Math.max(this.#cursor, answer.cursor);
    this.#peers = answer.peers;
    this.#dispatch("news", { ...answer, sessions, removed: isNew ? answer.removed : [], isFirst });
  }

  #setMode(mode) {
    if (this.mode === mode) return;
    if (this.mode === "stopped" && !this.#isLeader) this.#request(); // in line again
    this.mode = mode;
    if (this.#isLeader) this.#tell({ kind: "mode", mode });
    this.#dispatch("mode", mode);
  }

  #tell(data) { attempt(() => this.#channel?.postMessage(data)); }
  #dispatch(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}
