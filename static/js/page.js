// What every page does: times in the reader's zone, questions before what cannot be undone, the indicator.

import { fetchPage, reload } from "./api.js";
import { tidy } from "./device.js";
import { localise } from "./format.js";
import { measure } from "./length.js";
import { stream, words } from "./live.js";
import "./attention.js";
import "./panel.js";
import { attempt, canCopy, copy, kept, visit } from "./safe.js";

localise();

// Drafts and what was not sent are nobody else's on a shared machine.
document.querySelector("[data-log-out]")?.addEventListener("submit", () => {
  tidy(() => true);
  kept.clear();
  visit.clear();
});

document.addEventListener("input", ({ target }) => { if (target.dataset.most) measure(target); });

const dialog = document.getElementById("confirm");
document.addEventListener("submit", (event) => {
  const { target } = event;
  if (target.dataset.confirm && !target.dataset.confirmed) {
    event.preventDefault();
    dialog.querySelector("p").textContent = target.dataset.confirm;
    // It says what it does, as the button that was pressed.
    const { textContent } = event.submitter ?? target.querySelector("button");
    dialog.querySelector("[value=yes]").textContent = textContent.trim();
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return;
      target.dataset.confirmed = "1";
      target.requestSubmit();
    };
    dialog.showModal();
  } else if (target.method === "post" && !event.defaultPrevented) {
    // Pressed twice, it is sent once. After this event: a disabled button would not be sent.
    setTimeout(() => target.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  }
});
// A page that comes back from the browser's memory can be used again.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form button:disabled")) button.disabled = false;
});

// What was done is said once: not again when the page is loaded anew.
for (const button of document.querySelectorAll("[data-dismiss]")) {
  button.hidden = false;
  button.onclick = () => button.parentElement.remove();
  const here = new URL(location.href);
  here.searchParams.delete("notice");
  attempt(() => history.replaceState(history.state, "", here));
}

for (const button of document.querySelectorAll("[data-copy-text]")) {
  button.hidden = !canCopy();
  button.onclick = () => copy(document.querySelector("[data-copied]").textContent);
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.onclick = () => print();
}

// A part of a page that has no stream of its own, like who is available.
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    const response = await fetchPage().catch(() => null);
    if (!response?.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    part.replaceChildren(...page.getElementById(part.id).childNodes);
  }, Number(part.dataset.refresh) * 1000);
}

const note = document.querySelector("[data-line-note]");

// How the page stands to the server, and what loading it again would do about it.
function say(about, text, label) {
  note.dataset.lineNote = about;
  note.querySelector("span").textContent = isTyped() ? `${text} ${words.copy_first}` : text;
  Object.assign(note.querySelector("button"), { textContent: label, onclick: reload });
  note.hidden = false;
}

// Whether there is anything that the page alone may have.
function isTyped() {
  const fields = [...document.querySelectorAll("textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=range], [type=search])")];
  return fields.some(({ value, defaultValue }) => value !== defaultValue) || !!document.querySelector(".message.is-pending");
}

if (stream) {
  stream.addEventListener("mode", ({ detail }) => {
    for (const indicator of document.querySelectorAll("[data-connection]")) {
      indicator.dataset.connection = detail;
      indicator.textContent = words[detail];
    }
    if (detail !== "stopped" && note.dataset.lineNote === "stopped") note.hidden = true;
  });
  stream.addEventListener("refused", ({ detail: { body } }) => {
    const text = body.name ? words.other_reader.replace("{name}", body.name) : words.no_reader;
    say("stopped", text, body.name ? words.reload : words.sign_in);
  });
  stream.addEventListener("reset", () => {
    if (isTyped()) say("restored", words.restored, words.reload);
    else reload();
  });
  addEventListener("DOMContentLoaded", () => stream.start()); // once all scripts listen
}
