// Older messages come on scrolling up.

import { get } from "../api.js";

const PAGE_SIZE = 30; // what a browser lays out in one frame, also beside thousands
const NEAR_START_PX = 400;
const SETTLED_MS = 200; // what came is part of the page, and no news to a screen reader

export class Pager {
  #root; #log; #list; #isLoading = false;

  constructor(root, list) {
    this.#root = root;
    this.#log = root.querySelector("[data-log]");
    this.#list = list;
    const isNear = () => this.#log.scrollTop < NEAR_START_PX;
    this.#log.addEventListener("scroll", () => isNear() && this.#older(), { passive: true });
  }

  async #older() {
    const { hasMore, talk } = this.#root.dataset;
    const beforeMessageId = this.#list.firstId;
    if (hasMore !== "1" || this.#isLoading || !beforeMessageId) return;
    this.#isLoading = true;
    this.#tell(true);
    try {
      const page = await get(`messages/${talk}`, { beforeMessageId, limit: PAGE_SIZE });
      this.#list.addOlder(page);
      if (!page.has_more) this.#log.querySelector(".earlier")?.classList.add("is-over");
    } catch { /* the link stays, and scrolling asks again */ }
    this.#isLoading = false;
    setTimeout(() => this.#isLoading || this.#tell(false), SETTLED_MS);
  }

  #tell(isBusy) {
    this.#log.ariaBusy = isBusy;
    this.#log.ariaLive = isBusy ? "off" : "polite";
  }
}
