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

// The mere access to the browser's storage may throw.
class Safe {
  #open;
  #isCleared = false; // whoever signs out leaves nothing behind

  constructor(open) { this.#open = open; }

  get(name) { return attempt(() => this.#open().getItem(name)) ?? null; }
  set(name, text) { if (!this.#isCleared) attempt(() => this.#open().setItem(name, text)); }
  remove(name) { attempt(() => this.#open().removeItem(name)); }
  names() { return attempt(() => Object.keys(this.#open())) ?? []; }

  clear() {
    this.#isCleared = true;
    attempt(() => this.#open().clear());
  }
}

export const kept = new Safe(() => localStorage); // by this browser
export const visit = new Safe(() => sessionStorage); // by this tab
