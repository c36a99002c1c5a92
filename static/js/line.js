// The line to the server: the best transport of those that the server allows and the way there carries.

import { Poller } from "./poller.js";
import { EventStream, Socket } from "./push.js";
import { visit } from "./safe.js";

const CLIMB_MS = 60_000; // how long after a step down the better one is tried again
const LADDERS = {
  auto: [Socket, EventStream, Poller],
  ws: [Socket, Poller],
  sse: [EventStream, Poller],
  longpoll: [Poller],
  poll: [Poller],
};

export class Line extends EventTarget {
  #rungs; #climb;
  #at = 0;
  #isRunning = false;

  constructor(page, position) {
    super();
    this.#rungs = LADDERS[page.transport].map((Transport) => new Transport(page, position));
    for (const rung of this.#rungs) {
      for (const name of ["answer", "mode"]) {
        rung.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
      }
    }
  }

  // Until `stop()`, or an error that stays: "refused".
  async run() {
    this.#isRunning = true;
    this.#at = Math.min(Number(visit.get("rung")), this.#rungs.length - 1); // what worked in this visit
    while (this.#isRunning) {
      clearTimeout(this.#climb);
      if (this.#at) this.#climb = setTimeout(() => this.#up(), CLIMB_MS);
      const before = this.#at;
      const result = await this.#rungs[before].run();
      if (result === "down") this.#at = before + 1;
      else if (this.#at === before) return result;
      visit.set("rung", this.#at);
    }
    return undefined;
  }

  stop() {
    this.#isRunning = false;
    clearTimeout(this.#climb);
    this.#rungs[this.#at].stop();
  }

  wake() {
    if (this.#at) this.#up();
    else this.#rungs[0].wake();
  }

  // What is new, in a short request.
  ask() { return this.#rungs.at(-1).ask(false); }

  // From the top again: what works is found in seconds.
  #up() {
    const rung = this.#rungs[this.#at];
    this.#at = 0;
    rung.stop();
  }
}
