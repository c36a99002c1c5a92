// Money, times and names, as the server writes them in its pages; plainly where the browser has no words for them.

import { attempt } from "./safe.js";

const language = document.documentElement.lang;
const kinds = {
  clock: { timeStyle: "short" },
  day: { weekday: "long", day: "numeric", month: "long" },
  date: { dateStyle: "medium" },
  name: { weekday: "long" },
  short_weekday: { weekday: "short", day: "numeric", month: "short" },
};
const formats = Object.fromEntries(
  Object.entries(kinds).map(([kind, options]) => [kind, attempt(() => new Intl.DateTimeFormat(language, options))]),
);

// Of the wire's `2026-11-23 09:15:02`, which is UTC.
export const instant = (text) => new Date(`${text.replace(" ", "T").replace(/Z?$/, "Z")}`);

// With the decimals that the server gives its currency; one that it had before has the browser's.
export function money(amount, currency) {
  const page = document.body.dataset;
  const digits = currency === page.currency ? Number(page.decimals) : undefined;
  const options = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  const format = attempt(() => new Intl.NumberFormat(language, options));
  return format?.format(amount) ?? `${amount.toFixed(digits)} ${currency}`;
}

// As forms have amounts that nobody types.
export const minorUnits = (amount) => Math.round(amount * 10 ** document.body.dataset.decimals);

export function time(date, kind) {
  if (kind === "moment") return `${time(date, "date")}, ${time(date, "clock")}`;
  if (kind === "weekday") return `${time(date, "name")} ${time(date, "clock")}`;
  return formats[kind]?.format(date) ?? (kind === "clock" ? date.toTimeString().slice(0, 5) : date.toDateString());
}

// 65 → 1:05
export function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

// In the browser's zone; the server knows only its own.
export function setTime(element, text, kind = element.dataset.time) {
  element.dateTime = instant(text).toISOString();
  element.textContent = time(instant(text), kind);
}

export function localise(root = document) {
  const zone = attempt(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  for (const element of root.querySelectorAll("[data-zone]")) element.textContent = zone ?? element.textContent;
  for (const element of root.querySelectorAll("time[data-time][datetime]")) setTime(element, element.dateTime);
}

// 340 kB, 1.2 MB
export function size(bytes) {
  const [number, unit, sign] = bytes >= 1e6 ? [bytes / 1e6, "megabyte", "MB"] : [Math.max(1, Math.round(bytes / 1e3)), "kilobyte", "kB"];
  const format = attempt(() => new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }));
  return format?.format(number) ?? `${number.toFixed(1)} ${sign}`;
}

export function initials(name) {
  return name.split(/\s+/).slice(-2).map((word) => [...word][0]).join("").toUpperCase();
}
