// The operator's check of the line: what a proxy in between lets through, one question after another.

import { get, open, openSocket } from "./api.js";
import "./page.js";

const PATH = "diagnose";
const GRACE_MS = 10_000; // what an answer may take beyond its time
const LATE_MS = 2000; // an answer that travels for longer was kept by somebody
const SOCKET_MS = 5000;
const EVENTS = 5;
const LOCAL = /^(localhost|127\..*|\[?::1\]?)$/;

const { hold_seconds, words } = JSON.parse(document.getElementById("diagnosis").textContent);
const start = document.querySelector("[data-start]");
const cancel = document.querySelector("[data-cancel]");
const summary = document.querySelector("[data-summary]");
const progress = document.querySelector("progress");
const CHECKS = { hold: held, stream: streamed, socket: upgraded, address: arrived };

let asking = new AbortController();

const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const well = (word, values) => ({ state: "ok", text: say(word, values) });
const wrong = (word, values) => ({ state: "wrong", text: say(word, values) });
const stopwatch = () => {
  const began = performance.now();
  return () => (performance.now() - began) / 1000;
};
const round = (seconds) => (Math.round(seconds * 10) / 10).toLocaleString(document.documentElement.lang);

// A request is held for as long as a poll is.
async function held() {
  const elapsed = stopwatch();
  const wanted = round(hold_seconds);
  progress.max = hold_seconds;
  progress.hidden = false;
  const ticking = setInterval(() => { progress.value = elapsed(); }, 200);
  const timeout = setTimeout(() => asking.abort("late"), hold_seconds * 1000 + GRACE_MS);
  try {
    const answer = await get(PATH, { hold: hold_seconds }, asking.signal);
    const values = { wanted, seconds: round(elapsed()), held: round(answer.held_seconds) };
    if (answer.held_seconds < 0.9 * hold_seconds) return wrong("hold_released", values);
    if (elapsed() - answer.held_seconds > LATE_MS / 1000) return wrong("hold_late", values);
    return well("hold_ok", values);
  } catch (error) {
    if (error.code) throw error;
    const values = { wanted, seconds: round(elapsed()), status: error.status };
    if (error === "late") return wrong("hold_lost", values);
    // Not after how long: a browser asks again by itself when a connection that it had used before is cut.
    return wrong(error.status ? "hold_status" : "hold_cut", values);
  } finally {
    clearInterval(ticking);
    clearTimeout(timeout);
    progress.hidden = true;
  }
}

// Events arrive when they are sent.
async function streamed() {
  const elapsed = stopwatch();
  const timeout = setTimeout(() => asking.abort("late"), GRACE_MS);
  const arrivals = [], times = [];
  try {
    const response = await open(`${PATH}?stream=1`, { signal: asking.signal });
    if (!response.ok) throw Object.assign(new Error(), await response.json().catch(() => ({})));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ;) {
      const { done, value } = await reader.read();
      if (done) break;
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) {
        arrivals.push(elapsed());
        times.push(JSON.parse(event.match(/^data: (.*)$/m)[1]).server_time / 1000);
      }
    }
  } catch (error) {
    if (error.code) throw error;
  } finally {
    clearTimeout(timeout);
  }
  const values = { count: EVENTS, arrived: arrivals.length, seconds: round(elapsed()) };
  if (arrivals.length < EVENTS) return wrong("stream_cut", values);
  const isSpread = arrivals.at(-1) - arrivals[0] > (times.at(-1) - times[0]) / 2;
  return isSpread ? well("stream_ok", values) : wrong("stream_together", values);
}

// A WebSocket opens, and a frame goes there and back.
function upgraded() {
  return new Promise((resolve) => {
    const socket = openSocket(`${PATH}/ws`);
    let isOpen = false;
    const finish = (result) => {
      clearTimeout(timeout);
      resolve(result);
      socket.close();
    };
    const fail = () => finish(wrong(isOpen ? "socket_silent" : "socket_refused"));
    const timeout = setTimeout(fail, SOCKET_MS);
    asking.signal.addEventListener("abort", fail);
    socket.onopen = () => { isOpen = true; socket.send("still there?"); };
    socket.onmessage = ({ data }) => (data === "still there?" ? finish(well("socket_ok")) : fail());
    socket.onclose = fail;
  });
}

// The server knows how it was asked, and by whom.
async function arrived() {
  const seen = await get(PATH, {}, asking.signal);
  const { host, scheme } = seen;
  const wanted = location.protocol.slice(0, -1);
  // Each proxy adds who asked it: the last one is what the proxy next to the server saw.
  const address = seen.forwarded_for?.split(",").at(-1).trim() ?? seen.client_address;
  const isHidden = LOCAL.test(address) && !LOCAL.test(location.hostname);
  if (host !== location.host) return wrong("address_host", { wanted: location.host, host });
  if (scheme !== wanted) {
    const isTold = seen.forwarded_proto === wanted;
    return wrong(isTold ? "address_distrusted" : "address_scheme", { wanted, scheme, address: seen.client_address });
  }
  if (isHidden || (seen.is_via_proxy && !seen.forwarded_for)) return wrong("address_client", { address });
  return well("address_ok", { address, scheme, host });
}

function show(name, state, text) {
  const check = document.querySelector(`[data-check="${name}"]`);
  check.dataset.state = state;
  check.querySelector("[data-result]").textContent = text;
  check.querySelector("[data-advice]").hidden = state !== "wrong";
}

async function run(name) {
  show(name, "running", words.running);
  let result;
  try {
    result = await CHECKS[name]();
  } catch (error) {
    const text = error.code ? say("refused", { code: error.code }) : words.unreachable;
    result = { state: "unknown", text };
  }
  if (asking.signal.reason === "cancelled") result = { state: "waiting", text: words.cancelled };
  show(name, result.state, result.text);
  return result.state;
}

start.onclick = async () => {
  start.disabled = true;
  cancel.hidden = false;
  summary.hidden = true;
  for (const name in CHECKS) show(name, "waiting", words.waiting);
  const states = new Set();
  for (const name in CHECKS) {
    asking = new AbortController();
    states.add(await run(name));
    if (states.has("waiting")) break; // cancelled
  }
  const isWrong = states.has("wrong");
  summary.hidden = !isWrong && [...states].join() !== "ok";
  summary.classList.toggle("is-wrong", isWrong);
  summary.textContent = isWrong ? words.wrong : words.well;
  cancel.hidden = true;
  start.disabled = false;
  start.focus();
};
cancel.onclick = () => asking.abort("cancelled");

for (const name in CHECKS) show(name, "waiting", words.waiting);
document.querySelector("[data-tools]").hidden = false;
