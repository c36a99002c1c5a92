// A line between days, and one time for what one side writes in a minute.

import { instant, time } from "../format.js";
import { words } from "../live.js";
import { isOwn } from "./message.js";

const DAY_MS = 86_400_000;

export function arrange(list) {
  let before = null;
  for (const item of list.querySelectorAll(".message")) {
    const at = item.dataset.at ? instant(item.dataset.at) : new Date();
    const date = at.toDateString();
    const line = item.previousElementSibling?.matches("[data-day]") ? item.previousElementSibling : null;
    const isWrong = line && line.dataset.day !== date;
    if (isWrong || date === before?.date) line?.remove();
    if (date !== before?.date && (!line || isWrong)) list.insertBefore(build(at), item);
    const minute = `${date} ${at.getHours()}:${at.getMinutes()} ${isOwn(item)}`;
    item.classList.toggle("is-continued", minute === before?.minute);
    before?.item.classList.toggle("is-followed", minute === before.minute && !!item.dataset.id);
    item.classList.remove("is-followed");
    before = { date, minute, item };
  }
}

function build(at) {
  const line = document.getElementById("day-template").content.firstElementChild.cloneNode(true);
  line.dataset.day = at.toDateString();
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / DAY_MS);
  const name = [words.today, words.yesterday][days] ?? time(at, "day");
  Object.assign(line.querySelector("time"), { dateTime: at.toISOString(), textContent: name });
  delete line.querySelector("time").dataset.time;
  return line;
}
