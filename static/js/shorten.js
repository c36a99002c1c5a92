// What a notification has room for, and not in the middle of what is seen as one character.

import { attempt } from "./safe.js";

const LONGEST = 120;

export function shortened(text) {
  if (text.length <= LONGEST) return text;
  const parts = attempt(() => [...new Intl.Segmenter().segment(text.slice(0, 4 * LONGEST))].map(({ segment }) => segment)) ?? [...text];
  return `${parts.slice(0, LONGEST).join("")}…`;
}
