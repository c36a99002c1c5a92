// A client's file: on its page, and beside a conversation, where it comes once that is there. Its forms are sent without
// a reload; what colleagues write meanwhile is looked for now and then.

import { Draft } from "./draft.js";
import { localise } from "./format.js";
import { measure } from "./length.js";
import { stream, words } from "./live.js";
import "./page.js";
import { kept } from "./safe.js";

const REFRESH_MS = 20_000;
const FOLDED = "folded:file";
const place = () => document.querySelector("[data-file]");
const contentOf = (page) => page.querySelector("[data-file-content]");

addEventListener("shown", begin);
document.addEventListener("input", ({ target }) => { if (target.dataset.draft) new Draft(target.dataset.draft).text = target.value; });
document.addEventListener("toggle", ({ target }) => {
  if (target.matches("details[data-file]")) (target.open ? kept.remove(FOLDED) : kept.set(FOLDED, "1"));
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest("[data-file] form")) event.target.form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const { target: form } = event;
  const isAsked = form.dataset.confirm && !form.dataset.confirmed; // page.js asks first
  if (isAsked || event.defaultPrevented || !form.closest("[data-file]")) return;
  event.preventDefault();
  send(form);
});
// An administrator's reading is noted each time.
if (stream) setInterval(() => {
  const here = place();
  if (here && !document.hidden && here.offsetParent && !here.contains(document.activeElement)) refresh();
}, REFRESH_MS);
begin();

// What the page shows now.
function begin() {
  const here = place();
  if (!here) return;
  if (here.matches("details") && kept.get(FOLDED)) here.open = false;
  const said = Object.assign(document.createElement("p"), { className: "unseen", role: "status" });
  said.dataset.said = "";
  here.append(said);
  if (contentOf(here)) restore();
  else refresh();
}

async function refresh() {
  const here = place();
  const answer = await fetch(here.dataset.file || location.href).catch(() => null);
  const page = answer?.ok && await read(answer);
  const isUsed = contentOf(here) && here.contains(document.activeElement);
  if (page && here === place() && !isUsed) show(here, page);
}

// A refused one comes back with what was wrong; whatever else goes wrong, it stands as it was.
async function send(form) {
  const here = place();
  const field = form.querySelector("[data-draft]"), sent = field?.value;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
  const page = answer && (answer.ok || answer.status === 400) && await read(answer);
  if (!page || !contentOf(page)) return void tell(form);
  if (answer.ok && field?.value === sent) new Draft(field?.dataset.draft).text = "";
  if (here !== place()) return;
  show(here, page);
  here.querySelector("[data-said]").textContent = contentOf(here).dataset.notice;
  const again = field && document.getElementById(field.id);
  const edit = again?.closest("details:not([data-file], [open])")?.querySelector("summary");
  (edit ?? again ?? document.getElementById("notes")).focus();
}

function tell(form) {
  form.querySelectorAll("button").forEach((button) => { button.disabled = false; });
  delete form.dataset.confirmed;
  const old = form.querySelector("[data-unsaved]");
  const note = old ?? Object.assign(document.createElement("p"), { className: "hint is-wrong" });
  note.dataset.unsaved = "";
  note.setAttribute("role", "alert");
  note.textContent = contentOf(place()).dataset.unsaved;
  form.append(note);
}

async function read(answer) { return new DOMParser().parseFromString(await answer.text(), "text/html"); }

function show(here, page) {
  const content = contentOf(page);
  if (!content) return;
  const old = contentOf(here);
  if (old) old.replaceWith(content);
  else here.querySelector("[data-file-link]").replaceWith(content);
  localise(content);
  restore();
}

// What was half written.
function restore() {
  for (const field of document.querySelectorAll("[data-draft]")) {
    const { text } = new Draft(field.dataset.draft);
    if (!text || text === field.value) continue;
    field.value = text;
    if (words.too_long) measure(field);
    const details = field.closest("details:not([data-file])");
    if (details) details.open = true;
  }
}
