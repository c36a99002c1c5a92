// What the page brought for its scripts, and the stream that they share.

import { Stream } from "./stream.js";

export const live = JSON.parse(document.getElementById("live")?.textContent ?? "null");
export const words = live?.words ?? {};
export const user = live?.user;

// How far this machine's clock is ahead of the server's: it may sleep, or be set.
export function setClock(serverTime) {
  live.server_time = serverTime;
  live.skew = Date.now() - serverTime;
}

if (live) setClock(live.server_time);
export const stream = live && new Stream(live);
stream?.addEventListener("news", ({ detail: { server_time: told } }) => told && setClock(told));
