// What happened in a session, as a line among its messages: templates/_macros.html has its markup, and says the same.

import { minutes, money, setTime } from "../format.js";
import { words } from "../live.js";

const keyOf = ({ at, code, reason, seconds, count }) => [at, code, reason, seconds, count].map((each) => each || "").join(" ");

// Calls `insert` with each line that is not there yet; returns those that are there no more.
export function renew(lines, { events, currency }, insert) {
  const old = [...lines];
  for (const event of events) {
    const place = old.findIndex(({ dataset }) => dataset.event === keyOf(event));
    if (place < 0) insert(build(event, currency));
    else old.splice(place, 1);
  }
  return old;
}

function build(event, currency) {
  const line = document.getElementById("event-template").content.firstElementChild.cloneNode(true);
  Object.assign(line.dataset, { event: keyOf(event), at: event.at, after: event.after_message_id });
  if (event.code === "paused") line.ariaLive = "off"; // the banner says it
  setTime(line.querySelector("time"), event.at);
  line.querySelector("span").textContent = textOf(event, currency);
  return line;
}

// In the words of chat/web/words.py.
function textOf(event, currency) {
  const { code, reason, agent, free_seconds: free, seconds, total_cost: total, spending_limit: limit } = event;
  const kind = (free ? "_free" : "") + (limit === null ? "_none" : "") + (total === undefined ? "" : "_paid");
  const values = {
    ...event,
    what: words.end_reasons[reason] ?? words.pause_reasons[reason] ?? words.statuses.paused,
    agent: `\u2068${agent?.name}\u2069`,
    price: money(total ?? event.rate_per_minute ?? limit ?? 0, currency),
    length: minutes(free || seconds || 0),
  };
  return (words.events[code + kind] ?? "{what}").replace(/{(\w+)}/g, (_, name) => values[name]);
}
