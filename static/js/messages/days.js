// A line between days of the reader's zone, and one time for what one side writes in a minute.

import { instant, time } from "../format.js";
import { words } from "../live.js";

const DAY_MS = 86_400_000;
// What has a moment: a message, or something that happened.
export const LINE = ".message, .event";
const EDGES = { previousElementSibling: "lastElementChild", nextElementSibling: "firstElementChild" };

export const before = (item, kind) => beside(item, "previousElementSibling", kind);
export const after = (item, kind) => beside(item, "nextElementSibling", kind);

// The message next to this one, or whatever else of a kind.
function beside(item, direction, kind = ".message") {
  let other = step(item, direction);
  while (other && !other.matches(kind)) other = step(other, direction);
  return other;
}

// From line to line, and from page to page.
export function step(item, direction) {
  let found = item[direction];
  for (let page = item.parentElement; !found && page; ) {
    page = beyond(page, direction);
    found = page?.[EDGES[direction]];
  }
  return found ?? null;
}

// A transcript has one page, and other things beside it.
const beyond = (page, direction) => (page[direction]?.matches(".messages") ? page[direction] : null);

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

// Put a line before another one: where a page begins with that, at the end of the page before, so that no page has
// another beginning when an older one comes, which a browser would show as a jump.
export function put(line, next) {
  const pageBefore = next.previousElementSibling ? null : beyond(next.parentElement, "previousElementSibling");
  if (pageBefore) pageBefore.append(line);
  else next.before(line);
}

// The line above it, or none.
function setLine(item, day) {
  const above = step(item, "previousElementSibling");
  const line = above?.matches("[data-day]") ? above : null;
  if (line && line.dataset.day === day) put(line, line); // an older page may have come before it
  if ((line?.dataset.day ?? null) === day) return;
  line?.remove();
  if (day) put(build(day, item.dataset.at ? instant(item.dataset.at) : new Date()), item);
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
