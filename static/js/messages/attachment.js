// The file of a message: templates/_attachment.html, filled in here.

import { framed } from "../api.js";
import { size } from "../format.js";
import { words } from "../live.js";

const SHOWN_SIDE = 320; // of a picture, in CSS pixels; chat/web/words.py says the same

export function attach(item, attachment) {
  const kind = attachment?.thumbnail_url ? "picture" : "file";
  for (const link of item.querySelectorAll("[data-attachment]")) {
    if (attachment && link.dataset.attachment === kind) fill(link, attachment);
    else link.remove();
  }
}

// Where it is, once the server has it; what is shown already stays.
export function lead(item, url) {
  const link = item.querySelector("[data-attachment]");
  if (link) link.href = url;
}

function fill(link, { name, bytes, width, height, url, thumbnail_url: source }) {
  if (url) link.href = url;
  else link.removeAttribute("href");
  const picture = link.querySelector("img");
  if (picture) {
    const part = Math.min(1, SHOWN_SIDE / Math.max(width, height));
    picture.width = Math.max(1, Math.round(width * part)); // before the source: it has its place at once
    picture.height = Math.max(1, Math.round(height * part));
    picture.alt = words.picture.replace("{text}", () => name);
    if (framed && !source.startsWith("blob:")) picture.dataset.src = source; // static/js/framed.js loads it
    else picture.src = source;
  } else {
    link.querySelector("[data-attachment-name]").textContent = name;
    link.querySelector("[data-attachment-size]").textContent = size(bytes);
  }
}
