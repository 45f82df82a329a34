/** Who is signed in, and requests in their name. */

import { errorOf, SignedOutError, TokenExpiredError } from "./errors.js";
import { Tokens } from "./tokens.js";

/**
 * @typedef {import("./types.js").SignIn} SignIn
 * @typedef {import("./protocol.js").Profile} Profile
 */

export class Account {
  /**
   * @param {import("./wire.js").Wire} wire
   * @param {import("./types.js").MolvaStorage} storage
   * @param {{ onIn: (user: Profile) => Promise<void>, onOut: (reason: string) => void }} told
   */
  constructor(wire, storage, told) {
    this.wire = wire;
    this.told = told;
    this.tokens = new Tokens(wire, storage, {
      onOut: told.onOut,
      onIn: () => void (this.tokens.held && told.onIn(/** @type {Profile} */ (this.tokens.held.user))),
    });
  }

  /** @param {string} phone @param {object} [challenge] @returns {Promise<import("./types.js").SentCode>} */
  async requestCode(phone, challenge) {
    const body = challenge ? { phone, challenge } : { phone };
    const answer = await this.wire.request("POST", "/v1/auth/codes", { body });
    const { verification_id, code, expires_in, retry_after } = answer;
    return { verificationId: verification_id, expiresIn: expires_in, retryAfter: retry_after, ...(code && { code }) };
  }

  /** @param {SignIn} input @returns {Promise<Profile>} */
  async signIn({ phone, code, verificationId, displayName, pin, deviceName }) {
    const named = { verification_id: verificationId, display_name: displayName, pin, device_name: deviceName };
    const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined && value !== ""));
    const { access_token, refresh_token, user } = await this.wire.request("POST", "/v1/auth/tokens", { body: { phone, code, ...given } });
    await this.tokens.keep({ access_token, refresh_token, user });
    await this.told.onIn(user);
    return user;
  }

  /** @param {import("./types.js").Tokens} pair @returns {Promise<void>} */
  async signInWithTokens({ access_token, refresh_token }) {
    const unknown = /** @type {any} */ ({ id: "" });
    this.tokens.held = { access_token, refresh_token, user: unknown };
    const user = /** @type {Profile} */ (await this.request("GET", "/v1/me"));
    const held = /** @type {import("./tokens.js").Held} */ (this.tokens.held); // perhaps refreshed by now
    await this.tokens.keep({ ...held, user });
    await this.told.onIn(user);
  }

  /** @returns {Promise<Profile | null>} */
  async restore() {
    const held = await this.tokens.load();
    if (!held) return null;
    await this.told.onIn(/** @type {Profile} */ (held.user));
    return /** @type {Profile} */ (held.user);
  }

  async signOut() {
    if (this.tokens.held) await this.request("DELETE", "/v1/auth/sessions/current").catch(() => {}); // it ends by itself
    await this.tokens.forget("signed_out");
  }

  /**
   * A request with the person's token, which is refreshed when it has to be.
   *
   * @template T
   * @param {(token: string) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async withToken(work) {
    const token = this.tokens.access;
    if (!token) throw errorOf({ code: "signed_out", message: "Nobody is signed in." });
    try {
      return await work(token);
    } catch (error) {
      if (!(error instanceof TokenExpiredError)) throw error;
    }
    try {
      await this.tokens.refresh(token);
    } catch (error) {
      if (error instanceof SignedOutError) this.told.onOut(error.reason ?? "signed_out");
      throw error;
    }
    return work(/** @type {string} */ (this.tokens.access));
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<unknown>}
   */
  request(method, path, body) {
    return this.withToken((token) => this.wire.request(method, path, { body, token }));
  }
}
