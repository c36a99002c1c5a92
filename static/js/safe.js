// What a browser may refuse, lack or have full: storage, sounds, notifications, the clipboard. The page goes on without.

// The result, or nothing when it throws or rejects.
export function attempt(act) {
  try {
    const result = act();
    return result instanceof Promise ? result.catch(() => undefined) : result;
  } catch {
    return undefined;
  }
}

export const canCopy = () => !!attempt(() => navigator.clipboard.writeText);

// True when it is in the clipboard, as far as the browser says.
export async function copy(text) {
  return (await attempt(() => navigator.clipboard.writeText(text).then(() => true))) ?? false;
}

// What tabs of this site share has this in its name: below a path there may be another site on the same host.
const below = globalThis.document?.body.dataset.base ?? "";
export const ours = (name) => (below ? `${below}:${name}` : name);

// The mere access to the browser's storage may throw.
class Safe {
  #open;
  #isCleared = false; // whoever signs out leaves nothing behind

  constructor(open) { this.#open = open; }

  get(name) { return attempt(() => this.#open().getItem(ours(name))) ?? null; }
  set(name, text) { if (!this.#isCleared) attempt(() => this.#open().setItem(ours(name), text)); }
  remove(name) { attempt(() => this.#open().removeItem(ours(name))); }
  names() {
    const all = attempt(() => Object.keys(this.#open())) ?? [];
    return all.filter((name) => name.startsWith(ours(""))).map((name) => name.slice(ours("").length));
  }

  clear() {
    this.#isCleared = true;
    for (const name of this.names()) this.remove(name);
  }
}

export const kept = new Safe(() => localStorage); // by this browser
export const visit = new Safe(() => sessionStorage); // by this tab
