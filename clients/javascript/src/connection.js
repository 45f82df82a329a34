/**
 * One connection to /chat that comes back by itself.
 *
 * `call` sends an action and awaits its ack; nothing is buffered while there is no connection. After every connect
 * `onReady` brings the rest up to date; only then the connection is `online`.
 */

import { asMolvaError, errorOf, isTemporary, OfflineError, SignedOutError, UnansweredError } from "./errors.js";
import { hidden, sleep } from "./wire.js";

/** Reasons of `session:revoked` that end the connection and not the login session. */
const ALIVE = new Set(["token_expired", "too_many_connections", "closed_by_operator"]);
const DRAINING_S = 5;

/**
 * @typedef {{
 *   wire: import("./wire.js").Wire, tokens: import("./tokens.js").Tokens,
 *   io: import("./types.js").IoFunction | undefined, socket: Record<string, unknown> | undefined,
 *   backoff: { least?: number, most?: number } | undefined, ackTimeout: number | undefined,
 *   onReady: (ready: import("./protocol.js").SessionReady) => Promise<void>,
 *   onEvent: (name: string, payload: any) => void,
 *   onStatus: (status: import("./types.js").ConnectionStatus, reason?: string) => void,
 *   onSignedOut: (reason: string) => void,
 *   onError: (error: unknown) => void,
 * }} Parts
 */

export class Connection {
  /** @type {import("./types.js").ConnectionStatus} */
  status = "offline";
  #wanted = false;
  /** @type {any} */
  #socket = null;
  #attempts = 0;
  #session = 0; // counts connects, so that what is late is noticed
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Set<(error: Error) => void>} */
  #waiting = new Set();
  /** @type {Set<{ isLasting: boolean, resolve: () => void, reject: (error: Error) => void }>} */
  #hopeful = new Set();
  #unlisten = () => {};

  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    this.ackTimeout = parts.ackTimeout ?? 15_000;
    const target = /** @type {any} */ (globalThis);
    if (!target.document || !target.addEventListener) return;
    const hurry = () => this.#wanted && this.#timer !== undefined && target.document.visibilityState !== "hidden" && this.#retry(0);
    const wake = () => (this.status === "offline" && this.#wanted ? this.#retry(0) : hurry());
    target.addEventListener("online", hurry);
    target.document.addEventListener("visibilitychange", wake);
    this.#unlisten = () => {
      target.removeEventListener("online", hurry);
      target.document.removeEventListener("visibilitychange", wake);
    };
  }

  get isOnline() {
    return this.status === "online";
  }

  /** Come online and stay so. Resolves when it is. @returns {Promise<void>} */
  start() {
    this.#wanted = true;
    if (this.status === "offline" || this.status === "signed_out") {
      this.#tell("connecting");
      this.#retry(0);
    }
    return this.online();
  }

  /**
   * Resolves when it is online. Throws OfflineError after `withinMs`, and SignedOutError.
   *
   * @param {number} [withinMs]
   * @param {boolean} [isLasting] whether it outlives `stop()`
   * @returns {Promise<void>}
   */
  online(withinMs, isLasting = false) {
    if (this.isOnline) return Promise.resolve();
    if (this.status === "signed_out") return Promise.reject(errorOf({ code: "signed_out" }));
    return new Promise((resolve, reject) => {
      const clock = withinMs === undefined ? undefined : setTimeout(() => one.reject(new OfflineError({ code: "offline" })), withinMs);
      const settled = () => (clearTimeout(clock), this.#hopeful.delete(one));
      const one = {
        isLasting,
        resolve: () => (settled(), resolve()),
        reject: (/** @type {Error} */ error) => (settled(), reject(error)),
      };
      this.#hopeful.add(one);
    });
  }

  /** Somebody has signed in: it may come online again. */
  allow() {
    if (this.status === "signed_out") this.#tell("offline");
  }

  /** @param {import("./types.js").ConnectionStatus} [status] @param {string} [reason] */
  stop(status = "offline", reason = "disconnected") {
    this.#wanted = false;
    this.#cancel();
    this.#socket?.disconnect();
    this.#fail();
    const code = status === "signed_out" ? status : "offline";
    for (const one of [...this.#hopeful]) if (!one.isLasting || reason !== "disconnected") one.reject(errorOf({ code }));
    this.#tell(status, reason);
  }

  close() {
    this.stop("offline", "closed");
    this.#unlisten();
    this.#socket?.offAny?.();
    this.#socket = null;
  }

  /**
   * The data of an action's ack. Throws its error; OfflineError when it could not be sent, UnansweredError when no ack came.
   *
   * @param {string} name
   * @param {unknown} payload
   * @returns {Promise<any>}
   */
  call(name, payload) {
    const socket = this.#socket;
    if (!socket?.connected || (this.status !== "online" && this.status !== "syncing"))
      return Promise.reject(new OfflineError({ code: "offline", message: "There is no connection." }));
    const { wire } = this.parts;
    return new Promise((resolve, reject) => {
      const began = Date.now();
      wire.note("action", name, hidden(payload));
      const fail = (/** @type {Error} */ error) => {
        this.#waiting.delete(fail);
        clearTimeout(clock);
        reject(error);
      };
      const clock = setTimeout(() => {
        fail(new UnansweredError({ code: "unanswered", message: `No answer to ${name} came.` }));
        this.breakOff(); // a connection that does not answer is dead
      }, this.ackTimeout);
      this.#waiting.add(fail);
      socket.emit(name, payload, (/** @type {any} */ ack) => {
        if (!this.#waiting.has(fail)) return;
        wire.note("ack", name, ack, { error: Boolean(ack.error), ms: Date.now() - began });
        if (ack.error) return fail(errorOf(ack.error));
        this.#waiting.delete(fail);
        clearTimeout(clock);
        resolve(ack.data);
      });
    });
  }

  /** End the connection as a lost network does; it comes back by itself. */
  breakOff() {
    const socket = this.#socket;
    socket?.io?.engine?.close(); // which waits for an upgrade that is under way, and drops what is sent meanwhile
    if (socket?.connected) socket.disconnect();
  }

  // --- the life of the socket

  async #open() {
    this.#timer = undefined;
    if (!this.#wanted) return;
    this.#tell("connecting");
    try {
      this.#socket ??= await this.#create();
    } catch (error) {
      this.parts.onError(error);
      return this.#later();
    }
    if (this.#wanted) this.#socket.connect();
  }

  async #create() {
    const { parts } = this;
    const io = parts.io ?? (await import("socket.io-client")).io;
    const socket = io(`${parts.wire.url}/chat`, {
      ...parts.socket,
      autoConnect: false,
      reconnection: false,
      forceNew: true,
      auth: (/** @type {(auth: object) => void} */ give) => give({ token: parts.tokens.access }),
    });
    socket.on("connect_error", (/** @type {any} */ error) => void this.#refused(error));
    socket.on("disconnect", () => this.#ended());
    socket.onAny((/** @type {string} */ name, /** @type {any} */ payload) => this.#hear(name, payload));
    return socket;
  }

  #ended() {
    this.#session++;
    this.#socket.sendBuffer.length = 0; // whoever sent it sends it again
    this.#fail();
    if (this.#wanted && this.status !== "offline" && this.#timer === undefined) this.#later();
  }

  #fail() {
    for (const fail of [...this.#waiting]) fail(new UnansweredError({ code: "unanswered", message: "The connection ended." }));
  }

  /** @param {any} error */
  async #refused(error) {
    const code = error.data?.code;
    if (code === "token_expired" || code === "unauthorized" || code === "session_revoked") return this.#renew();
    this.#later(error.data?.retry_after, code);
  }

  /** A fresh token, then at once again. */
  async #renew() {
    try {
      await this.parts.tokens.refresh();
      if (this.#attempts++ < 2) return this.#retry(0);
      this.#later();
    } catch (error) {
      if (error instanceof SignedOutError) return this.#over(error.reason ?? "signed_out");
      this.#later(asMolvaError(error).retryAfter ?? undefined);
    }
  }

  /** @param {string} reason */
  #over(reason) {
    if (!this.#wanted) return;
    this.stop("signed_out", reason);
    this.parts.onSignedOut(reason);
  }

  /** Again after a while, longer each time. @param {number} [leastS] @param {string} [reason] */
  #later(leastS = 0, reason) {
    if (!this.#wanted) return;
    const { least = 500, most = 15_000 } = this.parts.backoff ?? {};
    const wait = Math.min(most, least * 2 ** Math.min(this.#attempts++, 10)) * (0.5 + Math.random() / 2);
    this.#tell("connecting", reason);
    this.#retry(Math.max(wait, leastS * 1000));
  }

  /** @param {number} ms */
  #retry(ms) {
    this.#cancel();
    this.#timer = setTimeout(() => void this.#open(), ms);
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** @param {string} name @param {any} payload */
  #hear(name, payload) {
    this.parts.wire.note("event", name, payload);
    if (name === "session:ready") void this.#catchUp(payload);
    else if (name === "session:expiring") void this.#prolong();
    else if (name === "session:revoked") this.#revoked(payload.reason);
    else if (name === "server:draining") this.#drain(payload.reconnect_within ?? DRAINING_S);
    else this.parts.onEvent(name, payload);
  }

  /** @param {import("./protocol.js").SessionReady} ready */
  async #catchUp(ready) {
    const session = ++this.#session;
    this.#tell("syncing");
    while (session === this.#session) {
      try {
        await this.parts.onReady(ready);
        if (session !== this.#session) return;
        this.#attempts = 0;
        this.#tell("online");
        for (const one of [...this.#hopeful]) one.resolve();
        return;
      } catch (error) {
        if (session !== this.#session) return;
        if (isTemporary(error)) await sleep((error.retryAfter ?? 1) * 1000);
        else {
          this.parts.onError(error);
          this.#socket.disconnect(); // and from the beginning, later
          return;
        }
      }
    }
  }

  async #prolong() {
    try {
      await this.parts.tokens.refresh();
      await this.call("session:refresh", { token: this.parts.tokens.access });
    } catch (error) {
      if (error instanceof SignedOutError) this.#over(error.reason ?? "signed_out");
      // otherwise the server closes the connection, and the next one begins with a refresh
    }
  }

  /** @param {string} reason */
  #revoked(reason) {
    if (!ALIVE.has(reason)) return this.#over(reason);
    if (reason !== "too_many_connections") return;
    this.#cancel();
    this.#tell("offline", reason); // coming back at once would put out another one; a page that is looked at comes back
    this.#socket.disconnect();
  }

  /** @param {number} withinS */
  #drain(withinS) {
    const session = this.#session;
    setTimeout(() => {
      if (session !== this.#session || !this.#wanted) return;
      this.#socket.disconnect();
      this.#retry(0);
    }, Math.random() * withinS * 1000);
  }

  /** @param {import("./types.js").ConnectionStatus} status @param {string} [reason] */
  #tell(status, reason) {
    this.status = status;
    this.parts.onStatus(status, reason);
  }
}
