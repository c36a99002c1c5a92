// The document in a widget's frame: it keeps who the visitor is, and shows pages of the site, each in a frame of its own.
//
// No cookie is sent or needed. The token is kept in the storage of this origin, which browsers keep apart for each site
// around; where there is none it lasts as long as the page. Pages come as text with the token as bearer, and are shown
// by `srcdoc`: they have this origin and its policy, run their usual scripts, and are no document that others could frame.

import { attempt, kept, visit } from "../safe.js";

const { base, key, origins } = document.body.dataset;
const { lang } = document.documentElement;
const START = `${base}/agents`;
const [TOKEN, PLACE, OPEN] = ["token", "place", "open"].map((name) => `widget:${key}:${name}`);
const isAlone = parent === window; // somebody has opened it by its address
const around = location.ancestorOrigins?.[0] ?? attempt(() => new URL(document.referrer).origin);
const host = [location.origin, ...origins.split(" ")].find((origin) => origin === around);
const away = document.querySelector("[data-away]");

let token = kept.get(TOKEN);
let place = (token && kept.get(PLACE)) || START;
let shown = null; // the frame of the page
let turn = 0;

const tell = (what, number) => host && !isAlone && parent.postMessage({ "tete-a-tete": what, number }, host);
const headers = () => ({ "Chat-Widget": key, "Accept-Language": lang, ...(token && { Authorization: `Bearer ${token}` }) });
const ask = (path, options) => fetch(path, { ...options, credentials: "omit", cache: "no-store", headers: headers() });

// The page at this path, or the answer to this form, is what is shown next.
async function go(path, options) {
  const mine = (turn += 1);
  const answer = await ask(path, options).catch(() => null);
  if (mine !== turn) return undefined;
  if (!answer) return fail("away", () => go(path, options));
  const given = answer.headers.get("Chat-Token");
  if (given) kept.set(TOKEN, (token = given));
  if (path === `${base}/logout`) return leave();
  if (answer.status === 201) return go(answer.headers.get("Location"));
  if (answer.status === 401 && token) return leave(); // after a while, or by the link to an account
  if (answer.status === 404 && path !== START && !options) return go(START);
  if (answer.status === 404 && path === START) return fail("gone", () => location.reload());
  if (!answer.headers.get("Content-Type")?.startsWith("text/html")) return save(answer);
  const { pathname, search } = new URL(answer.url);
  if (!options || answer.redirected) place = pathname + search;
  if (token) kept.set(PLACE, place);
  show(await answer.text());
  return undefined;
}

function leave() {
  for (const name of [TOKEN, PLACE]) kept.remove(name);
  token = null;
  return go(START);
}

function show(html) {
  const next = Object.assign(document.createElement("iframe"), { title: document.title, srcdoc: html });
  const old = shown;
  const hadFocus = document.hasFocus();
  shown = next;
  away.hidden = true;
  next.addEventListener("load", () => {
    old?.remove();
    if (hadFocus) focus();
  });
  if (old) {
    old.inert = true; // it stays in view until the next is there
    old.before(next);
  } else document.body.append(next);
}

function fail(why, again) {
  away.hidden = false;
  for (const text of away.querySelectorAll("[data-why]")) text.hidden = text.dataset.why !== why;
  away.querySelector("[data-again]").onclick = again;
}

// A file.
async function save(answer) {
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "file";
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

// A conversation is for writing, unless that brings a keyboard over half of it.
function focus() {
  const page = shown?.contentDocument;
  const field = matchMedia("(hover: hover)").matches && page?.querySelector(".is-talk [data-composer]:not([hidden]) #message");
  (field || page?.getElementById("main") || away).focus({ preventScroll: true });
}

function begin() {
  if (shown || turn) return;
  token ??= kept.get(TOKEN); // another tab may have asked meanwhile
  go(place);
}

window.widget = {
  headers,
  go,
  fetch: ask,
  here: () => place,
  unread: (number) => tell("unread", number),
  close: () => tell("close"),
};

addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || origin !== host) return;
  const what = data?.["tete-a-tete"];
  if (what === "open") {
    visit.set(OPEN, "1");
    begin();
    focus();
  } else if (what === "close") visit.remove(OPEN);
});
document.querySelector("[data-close-frame]").onclick = () => tell("close");
document.addEventListener("keydown", ({ key: pressed }) => pressed === "Escape" && tell("close"));

tell("hello");
if (visit.get(OPEN)) tell("open"); // as before the page around was loaded anew
if (token || isAlone) begin();
