// Where the reader is: at the end, which stays in view, or further up, where a button counts what is new.

import { attempt } from "../safe.js";

const AT_END_PX = 60;

export class Scroll extends EventTarget {
  #log; #jump; #unseen = 0; #wasAtEnd = true; #isGrowingAbove = false;

  constructor(root, signal) {
    super();
    this.#log = root.querySelector("[data-log]");
    this.#jump = root.querySelector("[data-jump]");
    this.#jump.onclick = () => this.toEnd("smooth");
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The list, too: messages out of view have a height that is a guess until they are drawn.
    attempt(() => {
      const sizes = new ResizeObserver(() => this.keepEnd());
      for (const each of [this.#log, this.#log.querySelector("[data-messages]")]) sizes.observe(each);
      signal.addEventListener("abort", () => sizes.disconnect());
    });
  }

  get isAtEnd() { return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < AT_END_PX; }

  toEnd(behavior = "instant") {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior });
    this.#wasAtEnd = true;
    this.#show(0);
  }

  // What was looked for; what comes later does not move it.
  to(item) {
    item.scrollIntoView({ block: "center" });
    this.#scrolled();
  }

  keepEnd() { if (this.#wasAtEnd) this.toEnd(); }

  // A change of the list.
  keep(act, isMine) {
    const wasAtEnd = this.#wasAtEnd;
    act();
    if (!this.#isGrowingAbove && (wasAtEnd || isMine)) this.toEnd();
  }

  // A change above what is in view, which stays where it is.
  keepBelow(act) {
    const below = this.#log.scrollHeight - this.#log.scrollTop;
    this.#isGrowingAbove = true;
    act();
    this.#isGrowingAbove = false;
    this.#log.scrollTop = this.#log.scrollHeight - below;
  }

  // A message of the other side; dispatches `seen` when the end is in view.
  count() { if (!this.#wasAtEnd && !this.#isGrowingAbove) this.#show(this.#unseen + 1); }

  #scrolled() {
    this.#wasAtEnd = this.isAtEnd;
    this.#jump.hidden = this.isAtEnd;
    if (this.isAtEnd) this.#show(0);
  }

  #show(unseen) {
    this.#unseen = unseen;
    const badge = this.#jump.querySelector("[data-jump-count]");
    badge.hidden = !unseen;
    badge.textContent = unseen;
    this.#jump.hidden = this.#wasAtEnd;
    if (!unseen) this.dispatchEvent(new Event("seen"));
  }
}
