/** HTTP to the server, and the record of all that goes over the wire. */

import { errorOf, OfflineError } from "./errors.js";

/** @typedef {import("./types.js").WireEntry} WireEntry */

export class Wire {
  /**
   * @param {string} url
   * @param {((entry: WireEntry) => void) | undefined} trace
   */
  constructor(url, trace) {
    this.url = url.replace(/\/+$/, "");
    this.trace = trace;
  }

  /**
   * @param {WireEntry["direction"]} direction
   * @param {string} name
   * @param {unknown} payload
   * @param {{ error?: boolean, ms?: number }} [more]
   */
  note(direction, name, payload, more) {
    this.trace?.({ at: Date.now(), direction, name, payload, ...more });
  }

  /**
   * One request. Throws the error of the problem that came back, or OfflineError if nothing did.
   *
   * @param {string} method
   * @param {string} path
   * @param {{ body?: unknown, token?: string | null, signal?: AbortSignal | null }} [options]
   * @returns {Promise<any>} the JSON of the answer, or null
   */
  async request(method, path, { body, token, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    const isForm = typeof FormData !== "undefined" && body instanceof FormData;
    if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
    const began = Date.now();
    let response;
    let text;
    try {
      const sent = isForm ? body : body === undefined ? null : JSON.stringify(body);
      response = await fetch(this.url + path, { method, headers, body: /** @type {any} */ (sent), signal: signal ?? null });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw errorOf({ code: "aborted" });
      throw new OfflineError({ code: "offline", message: error instanceof Error ? error.message : String(error) });
    }
    const answer = parsed(text);
    const ms = Date.now() - began;
    this.note("rest", `${method} ${path.replace(/\?.*/, "")}`, { body: isForm ? null : hidden(body), answer: hidden(answer) }, { ms, error: !response.ok });
    if (response.ok) return answer;
    throw problem(response.status, answer, response.headers.get("Retry-After"));
  }
}

/**
 * The error of an answer that is none of success.
 *
 * @param {number} status
 * @param {any} answer
 * @param {string | null} retryAfter
 */
export function problem(status, answer, retryAfter) {
  if (answer?.code) return errorOf({ ...answer, message: answer.detail ?? answer.message ?? answer.title });
  const code = status === 429 ? "rate_limited" : status === 413 ? "payload_too_large" : status >= 500 ? "unavailable" : "internal";
  return errorOf({ code, message: `HTTP ${status}`, retry_after: Number(retryAfter) || 1 });
}

/** @param {string} text */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const SECRETS = new Set(["access_token", "refresh_token", "token", "pin"]);

/**
 * Secrets do not go into a record that people look at.
 *
 * @param {any} value
 */
export function hidden(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, SECRETS.has(name) ? "…" : one]));
}

/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));
