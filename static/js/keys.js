// The keys of the inbox: from card to card, to who waits longest, and the list of all of them.

import { card, cards, current } from "./inbox.js";
import { kept } from "./safe.js";

const dialog = document.getElementById("keys");
const letters = dialog.querySelector("[data-letters]");
const button = document.querySelector("[data-keys]");
const open = (item) => link(item)?.click();
const link = (item) => item?.querySelector("a");

button.hidden = false;
button.onclick = () => dialog.showModal();
letters.checked = !kept.get("no-letters");
letters.onchange = () => (letters.checked ? kept.remove("no-letters") : kept.set("no-letters", "1"));

const LETTERS = {
  j: () => link(next(1))?.focus(),
  k: () => link(next(-1))?.focus(),
  n: () => open(longest()),
  "?": () => dialog.showModal(),
};

document.addEventListener("keydown", (event) => {
  const { key, target, altKey, ctrlKey, metaKey, shiftKey } = event;
  if (event.defaultPrevented || event.isComposing || ctrlKey || metaKey || document.querySelector("dialog[open]")) return;
  // What is typed while another conversation is on its way is no key, either.
  const isTyping = target.closest("input, textarea, select") || document.querySelector(".talk[inert]");
  let act;
  if (altKey && key === "ArrowDown") act = () => open(shiftKey ? longest() : next(1));
  else if (altKey && key === "ArrowUp") act = () => open(next(-1));
  else if (key === "Escape" && target.id === "message") act = () => link(card(current()) ?? cards()[0])?.focus();
  else if (!isTyping && !altKey && letters.checked && Object.hasOwn(LETTERS, key)) act = LETTERS[key];
  if (!act) return;
  event.preventDefault();
  act();
});

const shown = () => cards().filter((item) => !item.hidden && !item.closest("details:not([open])"));

// From the card that has the focus, or else from the one beside the list.
function next(step) {
  const all = shown();
  const focused = all.findIndex((item) => item.contains(document.activeElement));
  const at = focused < 0 ? all.findIndex((item) => Number(item.dataset.card) === current()) : focused;
  return all[at + step];
}

// Of the others: who has waited longest for an answer. In one second it is the one further down, which is older.
function longest() {
  const waiting = cards().reverse().filter(({ dataset }) => dataset.unanswered && Number(dataset.card) !== current());
  return waiting.sort((one, other) => one.dataset.unanswered - other.dataset.unanswered)[0];
}
