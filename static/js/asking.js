// What a request says is kept until it is made; and the button of one to any agent says what a minute may cost, as it is
// typed.

import { Draft } from "./draft.js";
import { money } from "./format.js";
import { user } from "./live.js";
import "./page.js";

const { currency, decimals } = document.body.dataset;
const own = document.documentElement.lang === "fr" ? "," : ".";
const button = document.querySelector("[data-priced]");
const field = document.getElementById("max_rate");
const words = document.getElementById("message");
const plain = button?.textContent;

// What chat/web/typed.py reads, but for thousands; 0 of anything else.
function amount() {
  const [, whole, mark, rest = ""] = field.value.trim().match(/^(\d{1,9})(?:([.,])(\d+))?$/) ?? [];
  const most = mark === own ? Number(decimals) : Math.min(decimals, 2);
  return whole && rest.length <= most ? Number(`${whole}.${rest}`) : 0;
}

function name() {
  const most = amount();
  button.textContent = most ? button.dataset.priced.replace("{price}", money(most, currency)) : plain;
}

if (user) {
  const draft = new Draft("request");
  words.value ||= draft.text;
  words.addEventListener("input", () => { draft.text = words.value; });
}
field?.addEventListener("input", name);
if (field) name();
