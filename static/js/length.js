// A text that is too long is kept, said to be so, and not sent.

import { words } from "./live.js";

// Characters as the server counts them, without what it takes off at both ends.
export function measure(field) {
  const most = Number(field.dataset.most);
  const count = [...field.value.trim()].length;
  const text = count > most ? (words.too_long ?? "").replace("{count}", count - most).replace("{most}", most) : "";
  const id = `${field.id}-too-long`;
  let note = document.getElementById(id);
  if (!note && text) {
    note = Object.assign(document.createElement("p"), { id, className: "hint is-wrong too-long", role: "alert" });
    field.after(note);
  }
  if (note) Object.assign(note, { textContent: text, hidden: !text });
  field.setCustomValidity(text);
}
