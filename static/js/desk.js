// An agent's desk: what is chosen in the list is shown beside it, in the page that there is. Without this script each
// is a page of its own, and where something goes wrong it is so again.

import { address } from "./api.js";
import { setTitle } from "./attention.js";
import { start, stop } from "./conversation.js";
import { Draft } from "./draft.js";
import "./file.js";
import { localise } from "./format.js";
import { card, current, inbox, mark, remove } from "./inbox.js";
import "./keys.js";
import { setClock, stream, words } from "./live.js";
import { unsent } from "./outbox.js";
import { attempt } from "./safe.js";

const PLACE = new RegExp(`^${address("(inbox|sessions/\\d+)")}$`);
const ACTION = new RegExp(`^${address("(sessions/\\d+/(accept|decline|pause|resume|end|transfer)|availability)")}$`);
// Where there is a keyboard, and room for both.
const WIDE = "(min-width: 48.01rem) and (hover: hover)";
const NOTES = "main > .note:not([data-line-note])";
const main = document.getElementById("main");
const isMine = ({ origin, pathname, href }, pattern) => origin === location.origin && !/[?#]/.test(href) && pattern.test(pathname);
const placeOf = ({ pathname, search }) => pathname + search;
// All that changes with what is chosen stands behind the list.
const beside = (page) => [...page.querySelectorAll("#card-template ~ *")];

let turn = 0;
let shown = placeOf(location);
let listTop = 0;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isOther = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.defaultPrevented;
  if (!link || isOther || link.target || !isMine(link, PLACE)) return;
  event.preventDefault();
  if (placeOf(link) === shown) focus();
  else go(link.href);
});
document.addEventListener("submit", (event) => {
  const { target: form } = event;
  const isAsked = form.dataset.confirm && !form.dataset.confirmed; // page.js asks first
  if (isAsked || event.defaultPrevented || !isMine(new URL(form.action), ACTION)) return;
  event.preventDefault();
  if (form.matches("[data-switch]")) return void flip(form);
  form.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  go(form.action, { form });
});
addEventListener("popstate", () => placeOf(location) !== shown && go(location.href, { isBack: true }));
stream.addEventListener("news", ({ detail }) => follow(detail));
showUnsent();

// What is to be shown is asked for, by a form or by its address.
async function go(url, { form, isBack } = {}) {
  const mine = ++turn, heard = [];
  const hear = ({ detail }) => heard.push(detail);
  stream.addEventListener("news", hear);
  rest(true); // or the next words would be for the conversation that is left
  try {
    const answer = await fetch(url, form && { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== turn) return;
    if (answer.status === 404 && !isBack) return void tellGone(url);
    if (!isSame(page)) throw new Error("another page");
    const place = form && !answer.redirected ? url.replace(/\/\w+$/, "") : answer.url;
    if (!isBack && place !== location.href) history.pushState(null, "", place);
    show(page, heard);
  } catch {
    if (mine !== turn) return;
    if (form) form.submit();
    else location.assign(url);
  } finally {
    stream.removeEventListener("news", hear);
  }
}

// Whether requests are taken: the conversation beside it stays.
async function flip(form) {
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
  const page = new DOMParser().parseFromString((await answer?.text()) ?? "", "text/html");
  const next = page.querySelector("[data-switch]");
  if (!next || !isSame(page)) return form.submit();
  form.replaceWith(next);
  next.querySelector("button").focus();
}

function rest(isResting) {
  for (const part of beside(document)) part.inert = isResting;
}

// Of the same reader, and of the same version of the scripts.
function isSame(page) {
  const script = (of) => of.querySelector("script[src]")?.getAttribute("src");
  return beside(page).length > 0 && page.body.dataset.user === document.body.dataset.user && script(page) === script(document);
}

function show(page, heard) {
  const left = current();
  stop();
  if (inbox.offsetParent) listTop = inbox.scrollTop;
  document.querySelectorAll(NOTES).forEach((note) => note.remove());
  beside(document).forEach((part) => part.remove());
  main.prepend(...page.querySelectorAll(NOTES));
  document.getElementById("card-template").after(...beside(page));
  inbox.querySelector(".inbox-title").replaceWith(page.querySelector(".inbox-title"));
  document.body.className = page.body.className;
  inbox.scrollTop = listTop;
  shown = placeOf(location);
  mark(page.querySelector("[data-inbox]").dataset.current);
  setTitle(page.title);
  localise(main);
  for (const indicator of main.querySelectorAll("[data-connection]")) {
    indicator.dataset.connection = stream.mode;
    indicator.textContent = words[stream.mode] ?? "";
  }
  setClock(JSON.parse(page.getElementById("live").textContent).server_time);
  start(heard);
  heard.forEach(follow);
  showUnsent();
  document.querySelectorAll(".skip").forEach((link) => link.remove());
  document.body.prepend(...page.querySelectorAll(".skip"));
  dispatchEvent(new Event("shown"));
  focus(left);
}

// Where one goes on: writing, or reading who it is; in the list from where one left it.
function focus(left) {
  const field = document.getElementById("message");
  const title = document.getElementById("talk-title");
  const link = card(current() || left)?.querySelector("a");
  link?.scrollIntoView({ block: "nearest" });
  if (title) title.tabIndex = -1;
  const canWrite = field && !field.form.hidden && attempt(() => matchMedia(WIDE).matches);
  (canWrite ? field : title ?? link ?? main).focus({ preventScroll: true });
}

function tellGone(url) {
  remove(url.match(/\d+/g).at(-1));
  rest(false);
  document.querySelectorAll(NOTES).forEach((note) => note.remove());
  const note = Object.assign(document.createElement("p"), { className: "note is-wrong", textContent: words.gone });
  note.setAttribute("role", "alert");
  main.prepend(note);
}

// A request to any agent that is looked at: it becomes a conversation if this agent took it elsewhere.
function follow({ sessions, removed }) {
  const request = document.querySelector("[data-request]");
  if (!request) return;
  if (sessions.some(({ id, agent }) => id === current() && agent)) go(location.href, { isBack: true });
  if (!removed.includes(current())) return;
  request.hidden = true;
  document.querySelector("[data-gone]").hidden = false;
}

// What was written for a conversation that was handed over meanwhile.
function showUnsent() {
  const left = document.querySelector("[data-left]");
  if (!left) return;
  const text = [...unsent(left.dataset.left), new Draft(left.dataset.left).text].filter(Boolean).join("\n\n");
  Object.assign(left.querySelector("[data-unsent]"), { textContent: text, hidden: !text });
}
