// The transports on which the server speaks by itself: server-sent events and WebSocket. Both tell the same events;
// each becomes an answer as the long poll gives one, so whoever listens does not know the difference.

import { open, openSocket, reader } from "./api.js";
import { attempt } from "./safe.js";

const OPEN_MS = 3000; // whatever has not begun by then is kept by somebody on the way
const PROOF_MS = 5000; // a connection that lives for longer was no failure
const FAILURES = 2; // so many in a row: this line does not carry it
const AGAIN_MS = 300;
const REFUSALS = ["cursor_reset", "not_authenticated", "other_user"];

class Push extends EventTarget {
  #page; #position; #close; #silence; #resolve;
  #isRunning = false;
  #messages = [];

  constructor(page, position) {
    super();
    this.#page = page;
    this.#position = position;
  }

  // Until `stop()`, or an error that stays: "refused", or "down" when it does not work here. Dispatches `answer`.
  async run() {
    this.#isRunning = true;
    for (let failures = 0; failures < FAILURES; ) {
      const began = Date.now();
      const reason = await this.#listen();
      if (!this.#isRunning) return undefined;
      if (REFUSALS.includes(reason)) return "refused";
      if (reason === "overloaded") return "down";
      const isFine = Date.now() - began > PROOF_MS || ["restart", "woken"].includes(reason);
      failures = isFine ? 0 : failures + 1;
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS * (1 + Math.random())); });
    }
    return "down";
  }

  stop() {
    this.#isRunning = false;
    this.#end("stopped");
  }

  wake() { this.#end("woken"); }

  // Resolves with the reason for which it ended.
  #listen() {
    this.#messages = [];
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#expect(OPEN_MS);
      const cursor = this.#position().cursor;
      this.#close = attempt(() => this.connect(cursor, (event) => this.#hear(event), (reason) => this.#end(reason)));
      if (!this.#close) this.#end("cut"); // this browser does not have it
    });
  }

  #expect(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#end("silent"), ms);
  }

  #end(reason) {
    clearTimeout(this.#silence);
    this.#close?.();
    this.#resolve?.(reason);
  }

  #hear({ event, cursor, data }) {
    this.#expect(2000 * this.#page.heartbeat_seconds + OPEN_MS);
    if (event === "message") this.#messages.push(data);
    else if (event === "end") this.#end(data.reason);
    else if (event) this.#answer(cursor, this.#changeOf(event, data), data);
  }

  #changeOf(event, data) {
    if (event === "removed") return { removed: data.sessions };
    if (event !== "session") return {};
    const messages = data.messages === null ? null : this.#messages.filter((each) => each.chat_session_id === data.id);
    this.#messages = [];
    return { sessions: [{ ...data, messages }] };
  }

  #answer(cursor, change, data) {
    const at = this.#position();
    const { peers = at.peers, server_time } = data;
    const answer = { from: at.cursor, cursor: cursor ?? at.cursor, peers, server_time };
    const detail = { answer: { sessions: [], removed: [], ...answer, ...change }, mode: this.mode };
    this.dispatchEvent(new CustomEvent("answer", { detail }));
  }
}

export class EventStream extends Push {
  mode = "stream";

  // Not EventSource, which does not tell a status from a broken line.
  connect(cursor, hear, end) {
    const asking = new AbortController();
    this.#read(`stream?cursor=${cursor}`, asking.signal, hear).then(end, () => end("cut"));
    return () => asking.abort();
  }

  async #read(path, signal, hear) {
    const response = await open(path, { signal });
    if (!response.ok) return (await response.json().catch(() => ({}))).code ?? "refused";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return "cut";
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) hear(eventOf(frame));
    }
  }
}

function eventOf(frame) {
  const fields = Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s)));
  const cursor = fields.id === undefined ? null : Number(fields.id);
  return { event: fields.event, cursor, data: JSON.parse(fields.data ?? "null") };
}

export class Socket extends Push {
  mode = "websocket";

  connect(cursor, hear, end) {
    const socket = openSocket(`ws?cursor=${cursor}&chat_user=${reader}`);
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = ({ reason }) => end(reason || "cut");
    return () => socket.close();
  }
}
