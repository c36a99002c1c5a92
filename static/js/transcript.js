// A whole conversation, for who reads it afterwards: its lines between days are those of the reader's zone.

import { arrange } from "./messages/days.js";
import "./page.js";

document.querySelectorAll("[data-transcript] .message").forEach((item) => arrange(item));
