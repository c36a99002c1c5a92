// Older messages come on scrolling up.

import { get } from "../api.js";

const PAGE_SIZE = 50;
const NEAR_START_PX = 400;
const SETTLED_MS = 200; // what came is part of the page, and no news to a screen reader

export class Pager {
  #log; #list; #sessionId; #hasMore; #isLoading = false;

  constructor(root, list) {
    this.#log = root.querySelector("[data-log]");
    this.#list = list;
    this.#sessionId = root.dataset.talk;
    this.#hasMore = root.dataset.hasMore === "1";
    const isNear = () => this.#log.scrollTop < NEAR_START_PX;
    this.#log.addEventListener("scroll", () => isNear() && this.#older(), { passive: true });
  }

  async #older() {
    const beforeMessageId = this.#list.firstId;
    if (!this.#hasMore || this.#isLoading || !beforeMessageId) return;
    this.#isLoading = true;
    this.#tell(true);
    try {
      const page = await get(`messages/${this.#sessionId}`, { beforeMessageId, limit: PAGE_SIZE });
      this.#hasMore = page.has_more;
      this.#list.addOlder(page.messages);
      if (!page.has_more) this.#log.querySelector(".earlier")?.remove();
    } catch { /* the link stays, and scrolling asks again */ }
    this.#isLoading = false;
    setTimeout(() => this.#isLoading || this.#tell(false), SETTLED_MS);
  }

  #tell(isBusy) {
    this.#log.ariaBusy = isBusy;
    this.#log.ariaLive = isBusy ? "off" : "polite";
  }
}
