// The button of a request to any agent says what a minute may cost, as it is typed.

import { money } from "./format.js";

const button = document.querySelector("[data-priced]");
const field = document.getElementById("max_rate");
const plain = button.textContent;

function name() {
  const typed = field.value.trim().replace(",", ".");
  const amount = /^\d{1,7}(\.\d{1,2})?$/.test(typed) ? Number(typed) : 0;
  button.textContent = amount ? button.dataset.priced.replace("{price}", money(amount, button.dataset.currency)) : plain;
}

field.addEventListener("input", name);
name();
