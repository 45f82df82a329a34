/**
 * The pair of tokens: kept, and refreshed once for all pages that share the storage.
 *
 * A refresh token works once, so one page refreshes while the others wait for the same lock (Web Locks), and the new pair
 * is stored before it is used. Where there are no locks, the server answers a repeated refresh alike for ten seconds.
 */

import { errorOf, SessionRevokedError, SignedOutError, UnauthorizedError } from "./errors.js";

/**
 * @typedef {import("./types.js").MolvaStorage} MolvaStorage
 * @typedef {import("./types.js").User} User
 * @typedef {{ access_token: string, refresh_token?: string | undefined, user: User }} Held
 */

const KEY = "tokens";

export class Tokens {
  /** @type {Held | null} */
  held = null;
  /** @type {Promise<void> | null} */
  #refreshing = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;

  /**
   * @param {import("./wire.js").Wire} wire
   * @param {MolvaStorage} storage
   * @param {{ onOut: (reason: string) => void, onIn: () => void }} told what another page did
   */
  constructor(wire, storage, told) {
    this.wire = wire;
    this.storage = storage;
    this.told = told;
    if (storage.shared && typeof BroadcastChannel !== "undefined") {
      this.#channel = new BroadcastChannel(storage.shared);
      /** @type {any} */ (this.#channel).unref?.(); // Node.js alone
      this.#channel.onmessage = ({ data }) => this.#hear(data);
    }
  }

  get access() {
    return this.held?.access_token ?? null;
  }

  /** What is stored, if anything. @returns {Promise<Held | null>} */
  async load() {
    this.held = /** @type {Held | undefined} */ (await this.storage.get(KEY)) ?? null;
    return this.held;
  }

  /** @param {Held} held */
  async keep(held) {
    await this.storage.set(KEY, held);
    this.held = held;
    this.#channel?.postMessage({ held });
  }

  /** Forget them, here and in the other pages. @param {string} reason */
  async forget(reason) {
    this.held = null;
    await this.storage.delete(KEY);
    this.#channel?.postMessage({ held: null, reason });
  }

  /**
   * Another pair. Throws SignedOutError when the session is over, and what the network says otherwise.
   *
   * @param {string | null} [spent] the access token that does not work any more
   */
  refresh(spent = this.access) {
    if (this.access !== spent) return Promise.resolve(); // somebody was faster
    this.#refreshing ??= this.#locked(() => this.#exchange()).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** @param {() => Promise<void>} work @returns {Promise<any>} */
  #locked(work) {
    const locks = globalThis.navigator?.locks;
    return locks && this.storage.shared ? locks.request(`${this.storage.shared} refresh`, work) : work();
  }

  async #exchange() {
    const held = this.held;
    if (!held) throw new SignedOutError({ code: "signed_out" });
    const stored = /** @type {Held | undefined} */ (await this.storage.get(KEY));
    if (stored && stored.access_token !== held.access_token && stored.user.id === held.user.id) {
      this.held = stored; // another page has refreshed them
      return;
    }
    if (!held.refresh_token) throw errorOf({ code: "signed_out", message: "There is no refresh token." });
    try {
      const body = { refresh_token: held.refresh_token };
      const { access_token, refresh_token } = await this.wire.request("POST", "/v1/auth/tokens/refresh", { body });
      await this.keep({ access_token, refresh_token, user: held.user });
    } catch (error) {
      if (!(error instanceof UnauthorizedError || error instanceof SessionRevokedError)) throw error;
      throw new SignedOutError({ code: "signed_out", message: error.message, details: { reason: error.code } });
    }
  }

  /** @param {{ held: Held | null, reason?: string }} told */
  #hear({ held, reason }) {
    const was = this.held;
    if (held && (!was || was.user.id === held.user.id)) this.held = held;
    if (held && !was) this.told.onIn();
    if (!held && was) {
      this.held = null;
      this.told.onOut(reason ?? "signed_out");
    }
  }

  close() {
    this.#channel?.close();
  }
}
