// Text and links, never markup; chat/web/language.py does the same.

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;

export function linked(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const href = found[0].startsWith("www.") ? `https://${found[0]}` : found[0];
    const link = Object.assign(document.createElement("a"), { href, target: "_blank", rel: "noopener noreferrer nofollow" });
    link.textContent = found[0];
    parts.push(text.slice(end, found.index), link);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}
