// Calls of the HTTP API, with the reader's token, which is kept for this tab only.

const KEY = "streamhooks.token";

/** A response other than 2xx: `fields` maps fields to texts, or has `detail`. */
export class Problem extends Error {
  constructor(status, { maybe_applied: maybeApplied = false, ...fields }) {
    super(fields.detail ?? Object.entries(fields).map(([name, text]) => `${name}: ${text}`).join("; "));
    this.status = status;
    this.fields = fields;
    /** Whether the change may have been made, or may be made later. */
    this.maybeApplied = maybeApplied;
  }

  /** Whether this worker does not have the call, because it is older. */
  get isUnknownCall() {
    return this.status === 404 && this.fields.detail === "not found";
  }
}

let askForToken = null;
let asked = null;

/** Set the function that asks for a token: `ask(wasRefused)` resolves to one. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;
export const forgetToken = () => sessionStorage.removeItem(KEY);

/** Call the API and return {data, headers}; throw Problem, or TypeError if no worker answers. `ifMatch` is a revision, `json` a serialized body. */
export async function call(method, path, { query = {}, body, json = JSON.stringify(body), signal, ifMatch } = {}) {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  const url = `.${path}${wanted.size ? `?${wanted}` : ""}`;
  for (;;) {
    const token = sessionStorage.getItem(KEY);
    const headers = { Accept: "application/json" };
    if (token !== null) headers.Authorization = `Bearer ${bytesOf(token)}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    if (ifMatch !== undefined) headers["If-Match"] = `"${ifMatch}"`;
    const answer = await fetch(url, { method, headers, signal, cache: "no-store", body: json });
    if (answer.status === 401) {
      await renewToken(token);
      continue;
    }
    const data = answer.status === 204 ? null : await answer.json().catch(() => ({ detail: `status ${answer.status}` }));
    if (!answer.ok) throw new Problem(answer.status, data);
    return { data, headers: answer.headers };
  }
}

/** Return the text unchanged if it is JSON: parsing and writing it again could change its numbers. */
export function jsonText(text, name) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`);
  }
  return text;
}

export const get = async (path, query, signal) => (await call("GET", path, { query, signal })).data;
export const post = async (path, body) => (await call("POST", path, { body })).data;
export const remove = async (path) => (await call("DELETE", path)).data;

/** Like `get`, but return null if the worker does not have the call. */
export async function getIfKnown(path, query, signal) {
  try {
    return await get(path, query, signal);
  } catch (problem) {
    if (problem instanceof Problem && problem.isUnknownCall) return null;
    throw problem;
  }
}

export const hookPath = (id, rest = "") => `/api/hooks/${encodeURIComponent(id)}${rest}`;

async function renewToken(refused) {
  // Another call may have renewed it in the meantime, or may be asking now.
  if (sessionStorage.getItem(KEY) !== refused) return;
  asked ??= askForToken(refused !== null).finally(() => { asked = null; });
  sessionStorage.setItem(KEY, await asked);
}

/** Return a text as a header value: a header holds bytes, a token any characters, and the worker compares its UTF-8. */
function bytesOf(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
