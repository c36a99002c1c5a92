// The server's JSON API, the same that curl speaks to, and where the server is.

import { attempt } from "./safe.js";

const base = document.body.dataset.base; // the path that the pages are served below, or nothing
// Whom the page was made for: another tab may have signed in as somebody else since.
export const reader = document.body.dataset.user;

// In a widget's frame no cookie says who asks, and a page is no document of its own: static/js/widget/frame.js sees to both.
export const framed = document.body.dataset.framed === undefined ? null : parent.widget;

export const address = (path) => `${base}/${path}`;
const ofApi = (path) => address(`api/chat/${path}`);

export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.title ?? `HTTP ${status}`);
    Object.assign(this, { status, code: body.code, body, retryAfter });
  }
}

export async function get(path, query = {}, signal) {
  return request(`${path}?${new URLSearchParams(query)}`, { signal });
}

export async function post(path, content, options) {
  const headers = content === undefined ? {} : { "Content-Type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(content), ...options });
}

const whose = () => ({ ...(reader && { "Chat-User": reader }), ...framed?.headers() });

// The answer while it comes.
export function open(path, { headers, ...options } = {}) {
  return fetch(ofApi(path), {
    cache: "no-store", headers: { ...headers, ...whose() }, credentials: framed ? "omit" : "same-origin", ...options,
  });
}

// This page, as the server makes it now.
export const fetchPage = () => (framed ? framed.fetch(framed.here()) : fetch(location.href));
export const reload = () => (framed ? framed.go(framed.here()) : location.reload());

export function openSocket(path) { return new WebSocket(new URL(ofApi(path), location.href.replace("http", "ws"))); }

// A file, in a form as anybody sends it; `tell(part)` hears how much has left. `fetch` would not say.
export function upload(sessionId, { key, file, text }, tell) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("client_message_id", key);
  if (text) form.append("message", text);
  form.append("file", file);
  const done = new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => tell(loaded / total);
    request.onload = () => {
      const body = attempt(() => JSON.parse(request.responseText)) ?? {};
      if (request.status < 300) resolve(body);
      else reject(new Problem(request.status, body, 0));
    };
    request.onerror = request.onabort = () => reject(new Problem(0, {}, 0));
  });
  request.open("POST", ofApi(`attachments/${sessionId}`));
  for (const [name, value] of Object.entries(whose())) request.setRequestHeader(name, value);
  request.send(form);
  return { done, abort: () => request.abort() };
}

// Resolves with the answer; rejects with a Problem, or with a TypeError when nothing came back.
async function request(path, options) {
  const response = await open(path, options);
  if (response.ok) return response.json();
  const body = await response.json().catch(() => ({}));
  throw new Problem(response.status, body, Number(response.headers.get("Retry-After")) || 0);
}
