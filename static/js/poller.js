// The long-poll client: asks `GET /api/chat/sessions?cursor=…&longPoll=true` again and again, and finds out what
// the line can do. A held request that fails is followed by a short one: if that works, it is the holding that
// does not, and after two of those the poller asks every 3 s, as it does when the server holds no more.

import { get } from "./api.js";
import { visit } from "./safe.js";

const CLASSIC_MS = 3000; // between the requests of classic polling
const PROBE_MS = 60_000; // how often classic polling tries to be held again
export const GRACE_MS = 5000; // what an answer may take beyond its hold
const LATE_MS = 2000; // an answer that travels for longer was kept by somebody
const LONGEST_PAUSE_MS = 30_000;
const CUTS = 2; // so many held requests cut or kept in a row: this line does not hold

// Asked again, it would be the same.
export const isRefusal = ({ status }) => [400, 401, 403, 404, 409, 410].includes(status);

export class Poller extends EventTarget {
  #hold; #position; #skew; #asking; #wakeUp;
  #isRunning = false;
  #isClassic;
  #probeAt = 0;

  // `position()` is {cursor, peers}: what the tab has.
  constructor(page, position) {
    super();
    this.#isClassic = page.transport === "poll";
    this.#hold = page.hold_seconds * 1000;
    this.#position = position;
    this.#skew = page.skew;
    // A held request would be found dead only when its time is over.
    addEventListener("offline", () => this.#asking?.abort("offline"));
  }

  // Until `stop()`, or an error that stays: "refused". Dispatches `answer` and `mode`.
  async run() {
    this.#isRunning = true;
    // A short request first: what came between the page and now, and whether there is a line at all.
    let isFirst = true, failures = 0, cutAfter = 0;
    let cuts = Number(visit.get("cuts")); // as the page before has found
    while (this.#isRunning) {
      const isLong = !this.#isClassic && !isFirst && !failures && (cuts < CUTS || Date.now() >= this.#probeAt);
      const began = Date.now();
      try {
        const { answer, late } = await this.ask(isFirst ? undefined : isLong);
        if (!this.#isRunning) return undefined;
        failures = 0;
        isFirst = false;
        const held = Date.now() - began - late;
        if (isLong && late > LATE_MS) {
          cuts += 1;
          cutAfter = held;
          this.#probeAt = Date.now() + PROBE_MS;
        } else if (isLong && answer.longPolling && held >= Math.min(cutAfter, 0.8 * this.#hold)) cuts = 0;
        visit.set("cuts", cuts);
        const isPolling = this.#isClassic || cuts >= CUTS || (isLong && !answer.longPolling);
        this.#tell("answer", { answer, mode: isPolling ? "polling" : "live" });
        if (isPolling && !answer.has_more) await this.#sleep(CLASSIC_MS);
      } catch (error) {
        if (!this.#isRunning || error === "woken") continue;
        if (isRefusal(error)) return "refused";
        const isOffline = error === "offline"; // says the browser: nothing of how the line holds
        if (isLong && !error.status && !isOffline) {
          cuts += 1;
          cutAfter = Date.now() - began;
          this.#probeAt = Date.now() + PROBE_MS;
        }
        if (failures++ || !isLong || isOffline) this.#tell("mode", "offline");
        const pause = failures > 1 ? Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures) * (0.5 + Math.random() / 2) : 0;
        await this.#sleep(error.retryAfter * 1000 || pause);
      }
    }
    return undefined;
  }

  stop() {
    this.#isRunning = false;
    this.#asking?.abort("stopped");
    this.#wakeUp?.();
  }

  // The device was asleep, or has another network: the connection may be long dead, or better now.
  wake() {
    this.#probeAt = 0;
    this.#asking?.abort("woken");
    this.#wakeUp?.();
  }

  // Without saying whether it may be held it is the request that the page had begun itself.
  async ask(isLong) {
    const asking = (this.#asking = new AbortController());
    const timeout = setTimeout(() => asking.abort("late"), (isLong ? this.#hold : 0) + GRACE_MS);
    try {
      const { cursor, peers } = this.#position();
      const told = Object.entries(peers).map((pair) => pair.join(":"));
      const query = { cursor, peers: told.join(), ...(isLong !== undefined && { longPoll: isLong }) };
      const answer = await get("sessions", query, asking.signal);
      const skew = Date.now() - answer.server_time;
      this.#skew = Math.min(this.#skew, skew);
      return { answer: { ...answer, from: cursor }, late: skew - this.#skew };
    } finally {
      clearTimeout(timeout);
    }
  }

  #tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
  #sleep(ms) {
    return new Promise((resolve) => { this.#wakeUp = resolve; setTimeout(resolve, ms); });
  }
}
