// One held request for all tabs of this browser, because browsers allow six connections to a host.
//
// The tab that has the lock asks `GET /api/chat/sessions?cursor=…&longPoll=true` in a loop and tells the
// others over a BroadcastChannel. Each answer covers what changed between two cursors, so a tab that finds a
// gap asks for itself: nothing is missed, and what is heard twice is older than the tab's own cursor.

import { get } from "./api.js";

const CLASSIC_MS = 3000; // between the requests of classic polling
const PROBE_MS = 60_000; // how often classic polling tries to be held again
const GRACE_MS = 5000; // what an answer may take beyond its hold
const LATE_MS = 2000; // an answer that travels for longer was kept by somebody
const LONGEST_PAUSE_MS = 30_000;
const CUTS = 2; // so many held requests cut or kept in a row: this line does not hold

export class Stream extends EventTarget {
  mode = "off"; // live, polling, offline, stopped
  #page; #cursor; #peers; #skew; #channel; #queue; #watch; #asking; #wakeUp;
  #isLeader = false;
  #probeAt = 0;

  constructor(page) {
    super();
    this.#page = page;
    this.#cursor = page.cursor;
    this.#peers = page.peers;
    this.#skew = page.skew;
  }

  start() {
    this.name = `tete-a-tete:${this.#page.user.id}`;
    addEventListener("online", () => this.#isLeader && this.#wake());
    addEventListener("pageshow", (event) => event.persisted && this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    if (!navigator.locks) return void this.#lead(); // plain http on another host: each tab for itself
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#request();
    this.#tell({ kind: "hello" });
    this.#expect(2000);
  }

  get #isStopped() { return this.mode === "stopped"; }

  // In line for the lock, or taking it from a tab that sleeps.
  #request(steal = false) {
    this.#queue?.abort();
    this.#queue = new AbortController();
    navigator.locks
      .request(this.name, steal ? { steal } : { signal: this.#queue.signal }, () => this.#lead())
      .catch(() => {
        if (!this.#isLeader) return; // left the line to steal
        this.#isLeader = false;
        this.#asking?.abort();
        this.#request();
        this.#expect(this.#page.hold_seconds * 1000 + 2 * GRACE_MS);
      });
  }

  // Take over when nothing is heard for so long.
  #expect(ms) {
    clearTimeout(this.#watch);
    if (!this.#isLeader && !this.#isStopped) this.#watch = setTimeout(() => this.#request(true), ms);
  }

  #wake() {
    if (this.#isStopped) return;
    if (!this.#isLeader) return this.#request(true);
    this.#probeAt = 0; // another network, maybe a better one
    this.#asking?.abort("woken"); // its connection may be long dead
    this.#wakeUp?.();
  }

  async #lead() {
    this.#isLeader = true;
    clearTimeout(this.#watch);
    // A short request first: what came between the page and now, and whether there is a line at all.
    let isFirst = true, failures = 0, cutAfter = 0;
    let cuts = Number(sessionStorage.getItem("cuts")); // as the page before has found
    while (this.#isLeader && !this.#isStopped) {
      // After a failure a short request tells a broken line from one that cuts what is held.
      const isLong = !isFirst && !failures && (cuts < CUTS || Date.now() >= this.#probeAt);
      const began = Date.now();
      try {
        const { answer, late } = await this.#ask(isLong);
        failures = 0;
        isFirst = false;
        const held = Date.now() - began - late;
        if (isLong && late > LATE_MS) {
          cuts += 1;
          cutAfter = held;
          this.#probeAt = Date.now() + PROBE_MS;
        } else if (isLong && answer.longPolling && held >= Math.min(cutAfter, 800 * this.#page.hold_seconds)) cuts = 0;
        sessionStorage.setItem("cuts", cuts);
        const isPolling = cuts >= CUTS || (isLong && !answer.longPolling);
        this.#share(answer, isPolling ? "polling" : "live");
        if (isPolling && !answer.has_more) await this.#sleep(CLASSIC_MS);
      } catch (error) {
        if (!this.#isLeader || error === "woken") continue;
        if ([400, 401, 403, 404].includes(error.status)) this.#setMode("stopped");
        else if (error.status === 410) return this.#dispatch("reset"); // the page is loaded again
        else {
          if (isLong && !error.status) {
            cuts += 1;
            cutAfter = Date.now() - began;
            this.#probeAt = Date.now() + PROBE_MS;
          }
          if (failures++ || !isLong) this.#setMode("offline");
          const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures);
          await this.#sleep(error.retryAfter * 1000 || (failures > 1 ? pause * (0.5 + Math.random() / 2) : 0));
        }
      }
    }
  }

  async #ask(isLong) {
    this.#asking = new AbortController();
    const peers = Object.entries(this.#peers).map((pair) => pair.join(":"));
    const ms = (isLong ? this.#page.hold_seconds * 1000 : 0) + GRACE_MS;
    const timeout = setTimeout(() => this.#asking.abort("late"), ms);
    try {
      const query = { cursor: this.#cursor, longPoll: isLong, peers: peers.join() };
      const answer = await get("/api/chat/sessions", query, this.#asking.signal);
      const skew = Date.now() - answer.server_time;
      this.#skew = Math.min(this.#skew, skew);
      return { answer: { ...answer, from: this.#cursor }, late: skew - this.#skew };
    } finally {
      clearTimeout(timeout);
    }
  }

  #share(answer, mode) {
    this.#tell({ kind: "answer", answer, mode });
    this.#take(answer, mode);
  }

  #take(answer, mode) {
    this.#setMode(mode);
    const isNew = answer.cursor > this.#cursor;
    const sessions = answer.sessions.filter((session) => session.revision > this.#cursor);
    this.#cursor = Math.max(this.#cursor, answer.cursor);
    this.#peers = answer.peers;
    this.#dispatch("news", { ...answer, sessions, removed: isNew ? answer.removed : [] });
  }

  async #hear(data) {
    if (data.kind === "hello") {
      if (this.#isLeader) this.#tell({ kind: "here", cursor: this.#cursor, mode: this.mode, isHidden: document.hidden });
      return;
    }
    if (this.#isLeader) return;
    this.#expect(this.#page.hold_seconds * 1000 + 2 * GRACE_MS);
    if (data.kind === "mode") this.#setMode(data.mode);
    else if (data.kind === "here" && data.isHidden && !document.hidden) this.#request(true);
    else if (data.kind === "here") {
      this.#setMode(data.mode);
      if (data.cursor > this.#cursor) await this.#catchUp();
    } else if (data.answer.from <= this.#cursor) this.#take(data.answer, data.mode);
    else await this.#catchUp();
  }

  async #catchUp() {
    const { answer } = await this.#ask(false).catch(() => ({}));
    if (answer) this.#take(answer, this.mode);
    if (answer?.has_more) await this.#catchUp();
  }

  #setMode(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    if (this.#isLeader) this.#tell({ kind: "mode", mode });
    this.#dispatch("mode", mode);
  }

  #tell(data) { this.#channel?.postMessage(data); }
  #dispatch(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  #sleep(ms) {
    return new Promise((resolve) => { this.#wakeUp = resolve; setTimeout(resolve, ms); });
  }
}
