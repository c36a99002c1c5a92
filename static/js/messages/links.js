// Text and links, never markup; chat/web/links.py finds the same ones, and says why.

const END = [
  "\\x00-\\x20\\x7f-\\xa0",
  "\\x22<>\\\\\\x60\\u00ab\\u00bb\\u201a-\\u201f\\u2039\\u203a",
  "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200b\\u200e\\u200f\\u2028-\\u202f",
  "\\u205f-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff\\u{e0000}-\\u{e0fff}",
  "\\u3000-\\u3004\\u3008-\\u3020\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65",
].join("");
const START = "(?<![A-Za-z0-9_])[Hh][Tt][Tt][Pp][Ss]?://|(?<![A-Za-z0-9_@./\\-])[Ww][Ww][Ww]\\.";
const ADDRESS = new RegExp(`(${START})([^${END}]+)`, "gu");
const CLOSES = { ")": "(", "]": "[", "}": "{" };
const TRAILING = /[.,;:!?'([{\u2018\u2019\u2026\u060c\u061b\u061f\u0964]$/;
const HOST = /^[A-Za-z0-9[\x80-\u{10ffff}]/u;

export function linked(text) {
  const parts = [];
  let end = 0;
  ADDRESS.lastIndex = 0;
  for (let found; (found = ADDRESS.exec(text)); ) {
    const { index, 1: prefix } = found;
    const rest = trimmed(found[2]);
    ADDRESS.lastIndex = index + prefix.length + rest.length;
    if (!HOST.test(rest)) continue;
    const scheme = prefix.toLowerCase() === "www." ? "https://www." : prefix.toLowerCase();
    const link = Object.assign(document.createElement("a"), { dir: "ltr", href: scheme + rest, target: "_blank" });
    link.rel = "noopener noreferrer nofollow";
    link.textContent = prefix + rest;
    parts.push(text.slice(end, index), link);
    end = ADDRESS.lastIndex;
  }
  return [...parts, text.slice(end)];
}

function trimmed(all) {
  let rest = all;
  const opened = [];
  for (let index = 0; index < all.length; index += 1) {
    const each = all[index];
    if ("([{".includes(each)) opened.push(each);
    else if (each in CLOSES && opened.pop() !== CLOSES[each]) {
      rest = all.slice(0, index);
      break;
    }
  }
  while (TRAILING.test(rest)) rest = rest.slice(0, -1);
  return rest;
}
