// A line between days of the reader's zone, and one time for what one side writes in a minute.

import { instant, time } from "../format.js";
import { words } from "../live.js";

const DAY_MS = 86_400_000;
// What has a moment: a message, or something that happened.
export const LINE = ".message, .event";

export const before = (item, kind) => beside(item, "previousElementSibling", kind);
export const after = (item, kind) => beside(item, "nextElementSibling", kind);

// The message next to this one, or whatever else of a kind.
function beside(item, direction, kind = ".message") {
  let other = item[direction];
  while (other && !other.matches(kind)) other = other[direction];
  return other;
}

// This one, as it stands to the one before it.
export function arrange(item) {
  const previous = before(item, LINE);
  const [day, minute] = momentOf(item);
  const [dayBefore, minuteBefore] = previous ? momentOf(previous) : [];
  setLine(item, day === dayBefore ? null : day);
  item.classList.toggle("is-continued", minute === minuteBefore);
  previous?.classList.toggle("is-followed", minute === minuteBefore && !!item.dataset.id);
  if (!after(item, LINE)) item.classList.remove("is-followed");
}

// Its day, and its minute on its side; no two events share one.
function momentOf(item) {
  const at = item.dataset.at ? instant(item.dataset.at) : new Date();
  const day = at.toDateString();
  return [day, item.matches(".event") ? NaN : `${day} ${at.getHours()}:${at.getMinutes()} ${item.classList.contains("is-own")}`];
}

// The line above it, or none.
function setLine(item, day) {
  const line = item.previousElementSibling?.matches("[data-day]") ? item.previousElementSibling : null;
  if (line?.dataset.day === (day ?? undefined) && !!line === !!day) return;
  line?.remove();
  if (day) item.before(build(day, item.dataset.at ? instant(item.dataset.at) : new Date()));
}

function build(day, at) {
  const line = document.getElementById("day-template").content.firstElementChild.cloneNode(true);
  line.dataset.day = day;
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / DAY_MS);
  const name = [words.today, words.yesterday][days] ?? time(at, "day");
  Object.assign(line.querySelector("time"), { dateTime: at.toISOString(), textContent: name });
  delete line.querySelector("time").dataset.time;
  return line;
}
