// A whole conversation, for who reads it afterwards: its lines between days are those of the reader's zone.

import { LINE, arrange } from "./messages/days.js";
import "./page.js";

document.querySelector("[data-transcript]")?.querySelectorAll(LINE).forEach(arrange);
