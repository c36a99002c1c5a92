// Text and links, never markup; chat/web/language.py does the same.

// What is not seen ends it: it would lead elsewhere than it reads.
const UNSEEN = "\\u00ad\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff";
const LINK = new RegExp(`\\b(?:https?://|www\\.)[^\\s<>"'${UNSEEN}]*[^\\s<>"'.,;:!?)\\]${UNSEEN}]`, "g");

export function linked(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const href = found[0].startsWith("www.") ? `https://${found[0]}` : found[0];
    const link = Object.assign(document.createElement("a"), { dir: "ltr", href, target: "_blank", rel: "noopener noreferrer nofollow" });
    link.textContent = found[0];
    parts.push(text.slice(end, found.index), link);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
