/** People: profiles that came with answers or are looked up together, who is online, who is typing. */

import { share, View, Views } from "./view.js";

/**
 * @typedef {import("./protocol.js").User} User
 * @typedef {import("./types.js").Presence} Presence
 */

const TOGETHER_MS = 50;
const LOOK_UP_MAX = 100;
const TYPING_MS = 6000;
const WATCHED_MAX = 200;

export class People {
  /** @type {Map<string, User>} */
  held = new Map();
  /** @type {Views<User | null>} */
  views = new Views((id) => new View(() => this.get(id)));
  /** @type {Views<Presence | null>} */
  presence = new Views((id) => new View(() => this.#present.get(id) ?? null, (isWatched) => this.#watch(id, isWatched)));
  typing = new Views((chatId) => new View(/** @returns {readonly string[]} */ () => [...(this.#typing.get(chatId)?.keys() ?? [])]));
  /** @type {Map<string, Presence>} */
  #present = new Map();
  /** @type {Set<string>} */
  #watched = new Set();
  /** @type {Map<string, Map<string, ReturnType<typeof setTimeout>>>} */
  #typing = new Map();
  /** @type {Set<string>} */
  #asked = new Set();
  /** @type {Set<string>} */
  #unknown = new Set();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();

  /**
   * @param {{
   *   lookUp: (ids: string[]) => Promise<User[]>, watch: (ids: string[]) => Promise<(Presence & { user_id: string })[]>,
   *   onError: (error: unknown) => void,
   * }} parts
   */
  constructor(parts) {
    this.parts = parts;
  }

  /** A profile, if it is known; otherwise it is looked up. @param {string} id @returns {User | null} */
  get(id) {
    const user = this.held.get(id);
    if (user) return user;
    if (!this.#asked.has(id)) {
      this.#asked.add(id);
      this.#unknown.add(id);
      this.#soon("lookUp", () => this.#lookUp());
    }
    return null;
  }

  /** Profiles of an answer or an event. @param {Iterable<User>} users */
  take(users) {
    for (const user of users) {
      const known = this.held.get(user.id);
      const kept = share(known, user);
      if (kept === known) continue;
      this.held.set(user.id, kept);
      this.views.touch(user.id);
    }
  }

  /** The sender of a message, of whom one thing is not told. @param {User} user */
  takeSender(user) {
    this.take([{ ...user, last_seen_at: this.held.get(user.id)?.last_seen_at ?? null }]);
  }

  async #lookUp() {
    const ids = [...this.#unknown].slice(0, LOOK_UP_MAX);
    for (const id of ids) this.#unknown.delete(id);
    if (this.#unknown.size) this.#soon("lookUp", () => this.#lookUp());
    try {
      this.take(await this.parts.lookUp(ids));
    } catch {
      for (const id of ids) this.#asked.delete(id); // whoever asks again has it looked up again
    }
  }

  // --- presence

  /** @param {(Presence & { user_id: string })[]} told */
  takePresence(told) {
    for (const { user_id, online, last_seen_at } of told) {
      this.#present.set(user_id, { online, last_seen_at });
      this.presence.touch(user_id);
    }
  }

  /** @param {string} id @param {boolean} isWatched */
  #watch(id, isWatched) {
    if (isWatched) this.#watched.add(id);
    else this.#watched.delete(id);
    this.#soon("watch", () => this.watchAgain());
  }

  /** Tells the server whose presence is shown. */
  async watchAgain() {
    const ids = this.watched;
    for (const id of [...this.#present.keys()]) {
      if (ids.includes(id)) continue;
      this.#present.delete(id); // it would not be kept true any more
      this.presence.touch(id);
    }
    try {
      this.takePresence(await this.parts.watch(ids));
    } catch (error) {
      this.parts.onError(error);
    }
  }

  get watched() {
    return [...this.#watched].slice(-WATCHED_MAX);
  }

  // --- typing

  /** @param {string} chatId @param {string} userId */
  hearTyping(chatId, userId) {
    this.stopTyping(chatId, userId);
    const typists = this.#typing.get(chatId) ?? new Map();
    typists.set(userId, setTimeout(() => this.stopTyping(chatId, userId), TYPING_MS));
    this.#typing.set(chatId, typists);
    this.typing.touch(chatId);
  }

  /** @param {string} chatId @param {string} userId */
  stopTyping(chatId, userId) {
    const typists = this.#typing.get(chatId);
    if (!typists?.has(userId)) return;
    clearTimeout(typists.get(userId));
    typists.delete(userId);
    this.typing.touch(chatId);
  }

  // --- the end

  /** @param {string} name @param {() => Promise<void>} work */
  #soon(name, work) {
    if (this.#timers.has(name)) return;
    this.#timers.set(name, setTimeout(() => (this.#timers.delete(name), void work()), TOGETHER_MS));
  }

  clear() {
    this.held.clear();
    this.#asked.clear();
    this.#unknown.clear();
    this.#present.clear();
    for (const typists of this.#typing.values()) for (const clock of typists.values()) clearTimeout(clock);
    this.#typing.clear();
    for (const views of [this.views, this.presence, this.typing]) views.touchAll();
  }

  close() {
    this.clear();
    for (const clock of this.#timers.values()) clearTimeout(clock);
    this.#timers.clear();
  }
}
