// How a session stands: what of the page is shown, and the meter that runs between two answers.

import { live, words } from "./live.js";
import { minorUnits, minutes, money } from "./format.js";

const SCARCE_SECONDS = 120;

export function statusText(session) {
  if (session.status === "ended") return words.end_reasons[session.end_reason];
  if (session.status === "paused") return words.pause_reasons[session.pause_reason];
  return words.statuses[session.status];
}

// What elements with `data-when` are shown for; chat/web/words.py says the same.
function states(session, bill) {
  const found = new Set([session.status, session.pause_reason]);
  if (session.is_silent && session.is_clock_running) found.add("silent");
  if (session.transfer) found.add("transfer");
  if (session.is_clock_running) found.add("running");
  if (session.is_prepaid) found.add("prepaid");
  if (session.spending_limit !== null) found.add("limited");
  if (session.is_clock_running && bill.left !== null && bill.left <= SCARCE_SECONDS) found.add("scarce");
  return found;
}

// The seconds of the increments that so many billable ones begin, as in chat/billing.py.
function billedSeconds(seconds, { first_seconds: first, next_seconds: next }) {
  return seconds <= 0 ? 0 : first + Math.ceil(Math.max(0, seconds - first) / next) * next;
}

// With so many seconds more: rounded half up and once, as in chat/billing.py.
function costOf({ total_cost: said, cent_seconds: metered, rate_per_minute: rate, increments }, more) {
  if (more === 0 || !rate) return said;
  const cents = Math.floor((metered + more * minorUnits(rate) + 30) / 60);
  return Math.max(increments.minimum_charge, cents / minorUnits(1));
}

// What it costs so many seconds after the server said so.
export function billOf(session, later) {
  const passed = session.is_clock_running ? later : 0;
  const seconds = session.duration_seconds + passed;
  const billed = billedSeconds(seconds - session.free_seconds, session.increments);
  const more = Math.max(0, billed - session.billed_seconds);
  return {
    seconds,
    minutes: Math.ceil(billed / 60),
    cost: costOf(session, more),
    left: session.seconds_left === null ? null : Math.max(0, session.seconds_left - passed),
  };
}

// That the clock has started; chat/web/words.py says the same.
export function clockText({ rate_per_minute, free_seconds, currency }) {
  const text = free_seconds ? words.clock_started_free : words.clock_started;
  return text.replace("{price}", money(rate_per_minute, currency)).replace("{length}", minutes(free_seconds));
}

export class SessionView {
  #roots; #session; #since;

  constructor(roots, session, signal) {
    this.#roots = roots;
    this.show(session);
    const timer = setInterval(() => this.#session.is_clock_running && this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  show(session) {
    this.#session = session;
    this.#since = live.server_time;
    const set = (name, text) => this.#all(name).forEach((element) => { element.textContent = text; });
    set("status-text", statusText(session));
    set("position", session.position ?? "");
    if (session.rate_per_minute !== null) set("rate", money(session.rate_per_minute, session.currency));
    if (session.spending_limit !== null) set("limit", money(session.spending_limit, session.currency));
    if (session.transfer) this.#offer(session.transfer, money(session.transfer.rate_per_minute, session.currency));
    for (const meter of this.#all("meter")) meter.classList.toggle("is-still", !session.is_clock_running);
    this.#tick();
  }

  // What is agreed to is what is read: who, and at which price.
  #offer({ agent_id, agent_name, rate_per_minute, status }, price) {
    const set = (name, value) => this.#all(name).forEach((element) => Object.assign(element, value));
    set("transfer-name", { textContent: agent_name });
    set("transfer-rate", { textContent: words.a_minute.replace("{price}", price) });
    set("agree", { textContent: words.agree.replace("{price}", price).replace("{agent}", () => agent_name) });
    set("transfer-status", { textContent: words.availabilities?.[status] ?? "" });
    set("offer-agent", { value: agent_id });
    set("offer-rate", { value: minorUnits(rate_per_minute) });
  }

  // Another agent's from now on: nothing can be done here.
  leave() {
    const gone = { is_clock_running: false, is_silent: false, transfer: null, spending_limit: null };
    this.show({ ...this.#session, ...gone, status: "handed_over", pause_reason: null });
  }

  #tick() {
    const session = this.#session;
    const bill = billOf(session, Math.max(0, Math.floor((Date.now() - live.skew - this.#since) / 1000)));
    const put = (name, text) => this.#all(name).forEach((element) => {
      if (element.textContent !== text) element.textContent = text;
    });
    put("meter-time", minutes(bill.seconds));
    put("meter-cost", money(bill.cost, session.currency));
    put("meter-minutes", `${bill.minutes} min`);
    put("seconds-left", bill.left === null ? "" : minutes(bill.left));
    for (const bar of this.#all("limit-bar")) Object.assign(bar, { max: session.spending_limit || 1, value: bill.cost });
    const now = states(session, bill);
    for (const element of this.#all("when")) {
      const isStill = element.dataset.needs !== "still" || !session.is_clock_running;
      element.hidden = !(isStill && element.dataset.when.split(" ").some((state) => now.has(state)));
    }
  }

  #all(name) { return this.#roots.flatMap((root) => [...root.querySelectorAll(`[data-${name}]`)]); }
}
