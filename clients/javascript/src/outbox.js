/**
 * Messages that are not stored yet. They go out in the order in which they were written, chat by chat, always under the same
 * `client_id`, until the server has answered for good; they are kept in the storage, so a reload loses none.
 */

import { asMolvaError, errorOf, isTemporary, isUnanswered, NotFoundError } from "./errors.js";
import { View, Views } from "./view.js";

/**
 * @typedef {import("./types.js").MessageDraft} MessageDraft
 * @typedef {import("./protocol.js").MessageView} MessageView
 * @typedef {{
 *   clientId: string, chatId: string, userId: string, page: string, at: string, draft: MessageDraft, shown?: object | undefined,
 *   refused?: import("./errors.js").ErrorLike | undefined,
 * }} Kept
 * @typedef {Readonly<Kept & { isSending: boolean }>} Entry
 * @typedef {{ promise: Promise<MessageView>, resolve: (message: MessageView) => void, reject: (error: Error) => void }} Waiter
 */

const KEY = "outbox";

export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<string, Waiter>} */
  #waiters = new Map();
  /** @type {Set<string>} */
  #busy = new Set(); // chats with a send under way
  #pausedUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #page = newId(); // names this page among those that share the storage
  #release = () => {};
  /** @type {Promise<unknown>} */
  #written = Promise.resolve();
  /** Those of one chat, in order. */
  of = new Views((chatId) => new View(() => this.#ofChat(chatId)));

  /**
   * @param {import("./types.js").MolvaStorage} storage
   * @param {{
   *   isOnline: () => boolean, send: (payload: any) => Promise<{ message: MessageView }>,
   *   onSent: (message: MessageView) => void, onChanged: (chatId: string) => void, onError: (error: unknown) => void,
   * }} parts
   */
  constructor(storage, parts) {
    this.storage = storage;
    this.parts = parts;
    const locks = storage.shared ? globalThis.navigator?.locks : undefined;
    // Held as long as this page lives: others see by it whose messages were left behind.
    void locks?.request(this.#lock(this.#page), () => new Promise((resolve) => (this.#release = () => resolve(undefined))));
  }

  get size() {
    return this.#entries.size;
  }

  /** @param {string} chatId @returns {readonly Entry[]} */
  #ofChat(chatId) {
    return [...this.#entries.values()].filter((one) => one.chatId === chatId);
  }

  /** @param {string} page */
  #lock(page) {
    return `${this.storage.shared} page ${page}`;
  }

  /** Take over what earlier pages left behind. @param {string} userId */
  async load(userId) {
    const kept = /** @type {Kept[] | undefined} */ (await this.storage.get(KEY)) ?? [];
    for (const one of kept) {
      if (one.userId !== userId || this.#entries.has(one.clientId) || !(await this.#isLeft(one.page))) continue;
      this.#set({ ...one, page: this.#page, isSending: false });
    }
    await this.#save();
    this.flush();
  }

  /** Whether the page that wrote it is gone. @param {string} page */
  async #isLeft(page) {
    const locks = this.storage.shared ? globalThis.navigator?.locks : undefined;
    if (!locks || page === this.#page) return true;
    return locks.request(this.#lock(page), { ifAvailable: true }, async (lock) => lock !== null);
  }

  /**
   * @param {string} userId
   * @param {string} chatId
   * @param {MessageDraft} draft
   * @param {object} [shown] content to show until the message is stored
   */
  add(userId, chatId, draft, shown) {
    const clientId = newId();
    this.#set({ clientId, chatId, userId, page: this.#page, at: new Date().toISOString(), draft, shown, isSending: false });
    const waiter = this.#waiter(clientId);
    void this.#save().then(() => this.flush()); // kept first: what was sent and forgotten would be written twice
    return { clientId, done: waiter.promise };
  }

  /** @param {string} clientId */
  retry(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry?.refused) return;
    this.#entries.delete(clientId); // to the end of the line
    this.#set({ ...entry, refused: undefined });
    void this.#save();
    this.flush();
  }

  /** @param {string} clientId */
  discard(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry || entry.isSending) return;
    this.#drop(entry);
    this.#waiters.get(clientId)?.reject(errorOf({ code: "aborted", message: "The message was discarded." }));
    this.#waiters.delete(clientId);
  }

  /** All of a chat that is lost. @param {string} chatId */
  discardOf(chatId) {
    for (const one of [...this.#entries.values()]) if (one.chatId === chatId) this.discard(one.clientId);
  }

  /** Send what waits, as far as it may go out now. */
  flush() {
    if (!this.parts.isOnline()) return;
    const wait = this.#pausedUntil - Date.now();
    if (wait > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.flush(), wait);
      return;
    }
    for (const entry of [...this.#entries.values()]) {
      if (entry.refused || this.#busy.has(entry.chatId)) continue;
      this.#busy.add(entry.chatId);
      void this.#send(entry);
    }
  }

  /** @param {Entry} entry */
  async #send(entry) {
    const { clientId, chatId } = entry;
    this.#set({ ...entry, isSending: true });
    try {
      const { message } = await this.parts.send({ chat_id: chatId, client_id: clientId, ...entry.draft });
      this.parts.onSent(message);
      this.#drop(entry);
      this.#waiters.get(clientId)?.resolve(message);
      this.#waiters.delete(clientId);
    } catch (thrown) {
      const error = asMolvaError(thrown);
      if (isTemporary(error)) this.#pausedUntil = Date.now() + (error.retryAfter ?? 1) * 1000;
      const isFinal = !isTemporary(error) && !isUnanswered(error);
      const { code, message, requestId, details } = error;
      const refused = isFinal ? { code, message, request_id: requestId, details } : undefined;
      if (!this.#entries.has(clientId)) return; // nobody is signed in any more
      if (error instanceof NotFoundError && error.field === "chat_id") this.#drop(entry); // nobody could see it any more
      else this.#set({ ...entry, isSending: false, refused });
      if (isFinal) {
        void this.#save();
        this.#waiters.get(clientId)?.reject(error);
        this.#waiters.delete(clientId);
      }
    } finally {
      this.#busy.delete(chatId);
      this.flush();
    }
  }

  /** @param {Entry} entry */
  #set(entry) {
    this.#entries.set(entry.clientId, entry);
    this.#changed(entry.chatId);
  }

  /** @param {Entry} entry */
  #drop(entry) {
    if (!this.#entries.delete(entry.clientId)) return;
    this.#changed(entry.chatId);
    void this.#save();
  }

  /** @param {string} chatId */
  #changed(chatId) {
    this.of.touch(chatId);
    this.parts.onChanged(chatId);
  }

  /** @param {string} clientId @returns {Waiter} */
  #waiter(clientId) {
    /** @type {any} */
    const waiter = {};
    waiter.promise = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    waiter.promise.catch(() => {}); // the message shows it, whether or not anybody awaits it
    this.#waiters.set(clientId, waiter);
    return waiter;
  }

  /** Write down all entries of this page beside those of others, one writing after another. */
  #save() {
    const write = async () => {
      const others = /** @type {Kept[] | undefined} */ (await this.storage.get(KEY)) ?? [];
      const mine = [...this.#entries.values()].map(({ isSending: _, ...one }) => one);
      const ids = new Set(mine.map((one) => one.clientId));
      const kept = [...others.filter((one) => one.page !== this.#page && !ids.has(one.clientId)), ...mine];
      if (kept.length || others.length) await this.storage.set(KEY, kept);
    };
    const locks = this.storage.shared ? globalThis.navigator?.locks : undefined;
    /** @returns {Promise<any>} */
    const locked = () => (locks ? locks.request(`${this.storage.shared} outbox`, write) : write());
    return (this.#written = this.#written.then(locked).catch(this.parts.onError));
  }

  /** Forget everything, also what is stored. */
  async clear() {
    this.#empty();
    await this.#save();
  }

  /** Nobody is signed in any more: what was not sent stays in the storage, for when the same person is back. */
  async leave() {
    for (const one of [...this.#entries.values()]) this.#entries.set(one.clientId, { ...one, page: "" });
    await this.#save();
    this.#empty();
  }

  #empty() {
    const chatIds = new Set([...this.#entries.values()].map((one) => one.chatId));
    this.#entries.clear();
    for (const chatId of chatIds) this.#changed(chatId);
    for (const waiter of this.#waiters.values()) waiter.reject(errorOf({ code: "signed_out" }));
    this.#waiters.clear();
  }

  /** The page ends: what it did not send is left for the next one. */
  async close() {
    clearTimeout(this.#timer);
    await this.#written;
    this.#release();
  }
}

/** A UUID, also on pages without TLS, where `crypto.randomUUID` is missing. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const digits = [...crypto.getRandomValues(new Uint8Array(16))].map((one) => (one | 256).toString(16).slice(1)).join("");
  return digits.replace(/(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-4$3-8$4-");
}
