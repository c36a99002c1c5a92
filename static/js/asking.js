// The button of a request to any agent says what a minute may cost, as it is typed.

import { money } from "./format.js";
import "./page.js";

const { currency, decimals } = document.body.dataset;
const own = document.documentElement.lang === "fr" ? "," : ".";
const button = document.querySelector("[data-priced]");
const field = document.getElementById("max_rate");
const plain = button.textContent;

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

field.addEventListener("input", name);
name();
