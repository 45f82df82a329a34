/**
 * What this client knows of the server, kept true: answers and events go into chats, people and open chats, and after every
 * connect everything is brought up to date as the guide says.
 */

import { Chats } from "./chats.js";
import { ConflictError, errorOf, isTemporary, isUnanswered, NotFoundError } from "./errors.js";
import { Journal } from "./journal.js";
import { Opened } from "./open-chat.js";
import { People } from "./people.js";
import { Watching } from "./watching.js";
import { sleep } from "./wire.js";

/**
 * @typedef {import("./protocol.js").MessageView} MessageView
 * @typedef {import("./protocol.js").ChatView} ChatView
 * @typedef {{ name: string, chatId: string, told: any }} Heard
 */

const PAGE = 100;
const SAVE_MS = 5000;
const KEY = "chats";

const notFound = () => errorOf({ code: "not_found", message: "There is no such chat.", details: { field: "chat_id" } });

export class Replica {
  /** @type {string | null} */
  epoch = null;
  /** @type {string | null} */
  #cursor = null;
  /** @type {Journal<Heard>} */
  #journal = new Journal();
  /** The open chats in the order of opening: the last one is active. @type {Map<string, Opened>} */
  opened = new Map();
  /** @type {Set<string>} */
  #doubted = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #saving;

  /**
   * @param {{
   *   storage: import("./types.js").MolvaStorage, connection: import("./connection.js").Connection,
   *   outbox: import("./outbox.js").Outbox, changes: import("./changes.js").Changes, me: () => string | null,
   *   request: (method: string, path: string) => Promise<any>, onError: (error: unknown) => void,
   * }} parts
   */
  constructor(parts) {
    this.parts = parts;
    this.chats = new Chats({
      me: parts.me,
      onDoubt: (chatId) => this.#doubt(chatId),
      onChanged: (chatId) => this.#chatChanged(chatId),
    });
    this.watching = new Watching({
      steady: (name, payload) => this.steady(name, payload),
      opened: () => [...this.opened.keys()],
      isKnown: (chatId) => this.chats.get(chatId) !== undefined,
      onMissing: (chatId) => this.opened.get(chatId)?.fail(notFound()),
      onLost: (chatId) => this.#lose(chatId),
    });
    this.people = new People({
      lookUp: async (ids) => (await parts.request("GET", `/v1/users?ids=${ids.join(",")}`)).users,
      watch: async (ids) => (parts.connection.isOnline ? (await this.steady("presence:watch", { user_ids: ids })).presence : []),
      onError: (error) => isUnanswered(error) || parts.onError(error),
    });
  }

  // --- asking

  /** One try of an action; its answer is taken in. @param {string} name @param {object} payload */
  async call(name, payload) {
    const mark = this.#journal.begin();
    try {
      const data = await this.parts.connection.call(name, payload);
      this.#takeAnswer(data, mark);
      return data;
    } finally {
      this.#journal.end(mark);
    }
  }

  /** The same, again when the server wants to be asked later. @param {string} name @param {object} payload @returns {Promise<any>} */
  async steady(name, payload) {
    for (;;) {
      try {
        return await this.call(name, payload);
      } catch (error) {
        if (!isTemporary(error)) throw error;
        await sleep((error.retryAfter ?? 1) * 1000);
      }
    }
  }

  /**
   * Work that is begun again on the next connection when this one ends. Safe for whatever may be done twice.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @param {number} [withinMs] how long it waits for a connection
   * @returns {Promise<T>}
   */
  async patiently(work, withinMs) {
    for (;;) {
      await this.parts.connection.online(withinMs, withinMs === undefined);
      try {
        return await work();
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        await sleep(20);
      }
    }
  }

  // --- answers

  /** @param {any} data @param {{ since: number }} mark */
  #takeAnswer(data, mark) {
    if (!data) return;
    if (data.users && !Array.isArray(data.users)) this.people.take(Object.values(data.users));
    if (data.members) this.people.take(data.members.map((/** @type {any} */ one) => one.user));
    const chats = [...(data.chats ?? []), ...(data.chat ? [data.chat] : [])];
    for (const chat of chats) {
      if (chat.peer) this.people.take([chat.peer]);
      if (chat.me) this.chats.take(chat);
      else this.chats.hear(chat, "answer");
    }
    if (data.message?.chat_id) this.takeMessage(data.message);
    if (chats.length) this.#replay(mark, new Set(chats.map((chat) => chat.id)));
  }

  /** @param {{ since: number }} mark @param {Set<string>} chatIds */
  #replay(mark, chatIds) {
    for (const { name, chatId, told } of this.#journal.since(mark)) {
      if (!chatIds.has(chatId)) continue;
      const mine = this.chats.get(chatId)?.me;
      this.#hearChat(name, told);
      if (told.chat?.me && mine !== this.chats.get(chatId)?.me) this.#doubt(chatId); // it has no version: which is newer?
    }
  }

  /** @param {MessageView} message */
  takeMessage(message) {
    this.opened.get(message.chat_id)?.window.take(message);
    this.chats.showLast(message);
  }

  // --- events

  /** @param {string} name @param {any} told */
  hear(name, told) {
    const chatId = told?.chat?.id ?? told?.message?.chat_id ?? told?.chat_id;
    const window = this.opened.get(chatId)?.window;
    switch (name) {
      case "chat:updated":
      case "chat:removed":
      case "chat:read":
        this.#journal.add({ name, chatId, told });
        this.#hearChat(name, told);
        if (name === "chat:updated") window?.hear(name, told);
        break;
      case "message:created":
        this.people.takeSender(told.sender);
        this.people.stopTyping(chatId, told.sender.id);
        window?.hear(name, told);
        break;
      case "message:updated":
      case "message:liked":
      case "message:reacted":
        window?.hear(name, told);
        break;
      case "chat:typing":
        this.people.hearTyping(chatId, told.user_id);
        break;
      case "user:updated":
        this.people.take([told.user]);
        this.chats.takePeer(told.user);
        break;
      case "presence:updated":
        this.people.takePresence([told]);
    }
  }

  /** @param {string} name @param {any} told */
  #hearChat(name, told) {
    if (name === "chat:removed") return this.#lose(told.chat_id);
    if (name === "chat:read") return told.user_id === this.parts.me() ? undefined : this.chats.othersRead(told.chat_id, told.read_seq);
    if (told.chat.peer) this.people.take([told.chat.peer]);
    this.chats.hear(told.chat, told.reason);
  }

  /** @param {string} chatId */
  #lose(chatId) {
    this.watching.forget();
    this.chats.drop(chatId);
    this.parts.outbox.discardOf(chatId);
    this.opened.get(chatId)?.window.forget();
  }

  /** @param {string} chatId */
  #chatChanged(chatId) {
    const opened = this.opened.get(chatId);
    if (opened) {
      opened.window.noteChat();
      opened.messages.touch(); // the ticks
      if (!opened.window.isLoaded && this.chats.get(chatId) && this.parts.connection.isOnline) this.#bring(opened);
    }
    this.#saving ??= setTimeout(() => void this.save(), SAVE_MS);
  }

  /** The counts of a chat may be wrong: ask, once for all that come together. @param {string} chatId */
  #doubt(chatId) {
    if (this.#doubted.has(chatId)) return;
    this.#doubted.add(chatId);
    queueMicrotask(() => {
      this.#doubted.delete(chatId);
      if (this.parts.connection.isOnline) this.steady("chat:get", { chat_id: chatId }).catch(() => {}); // the next sync has it
    });
  }

  // --- open chats

  /** @param {string} chatId @returns {import("./types.js").OpenChat} */
  open(chatId) {
    const { outbox, changes, me, onError } = this.parts;
    const opened =
      this.opened.get(chatId) ??
      new Opened(chatId, {
        outbox,
        changes,
        window: {
          call: (name, payload) => this.steady(name, payload),
          chat: () => this.chats.get(chatId),
          me,
          epoch: () => this.epoch,
          onOverdue: () => {
            this.watching.forget();
            this.#watchSoon();
          },
          onError: (error) => error instanceof NotFoundError || onError(error), // chat:removed is on its way
        },
      });
    this.opened.delete(chatId);
    this.opened.set(chatId, opened);
    opened.count++;
    this.#bring(opened);
    return opened.handle(
      (work) => this.patiently(work),
      () => {
        if (--opened.count) return;
        this.opened.delete(chatId);
        opened.fail(errorOf({ code: "aborted", message: "The chat was closed." }));
        opened.window.close();
        this.#watchSoon();
      },
    );
  }

  #watchSoon() {
    if (!this.parts.connection.isOnline) return;
    this.watching.tell().catch((error) => isUnanswered(error) || this.parts.onError(error));
  }

  /** Watch it and load its first page, on this connection or the next one. @param {Opened} opened */
  #bring(opened) {
    const work = async () => {
      await this.watching.tell();
      if (this.chats.get(opened.chatId)) await opened.window.begin();
      else opened.fail(notFound());
    };
    this.patiently(work).catch((error) => {
      opened.fail(error);
      if (!(error instanceof NotFoundError)) this.parts.onError(error);
    });
  }

  // --- catching up

  /** @param {import("./protocol.js").SessionReady} ready */
  async catchUp(ready) {
    if (this.epoch !== null && this.epoch !== ready.epoch) this.forget();
    this.epoch = ready.epoch;
    this.watching.begin(ready);
    for (const { window } of this.opened.values()) window.fallBehind();
    await this.#sync();
    await this.watching.tell();
    for (const opened of [...this.opened.values()]) {
      if (!this.chats.get(opened.chatId)) opened.window.forget();
      else {
        await opened.window.catchUp().catch((error) => {
          if (!(error instanceof NotFoundError)) throw error;
          this.#lose(opened.chatId);
        });
      }
    }
    const watched = this.people.watched;
    if (watched.length) this.people.takePresence((await this.steady("presence:watch", { user_ids: watched })).presence);
  }

  async #sync() {
    for (let isMore = true; isMore; ) {
      const mark = this.#journal.begin();
      try {
        const page = await this.steady("session:sync", { limit: PAGE, ...(this.#cursor && { cursor: this.#cursor }) });
        for (const id of page.removed_chat_ids) this.#lose(id);
        this.#replay(mark, new Set(page.removed_chat_ids));
        this.#cursor = page.cursor;
        isMore = page.has_more;
      } catch (error) {
        if (!(error instanceof ConflictError && error.reason === "cursor_unknown")) throw error;
        this.forget();
      } finally {
        this.#journal.end(mark);
      }
    }
  }

  /** Start afresh: the server has another database now, or nobody is signed in. */
  forget() {
    this.#cursor = null;
    this.epoch = null;
    this.chats.clear();
    for (const opened of this.opened.values()) opened.window.forget();
  }

  // --- from one page to the next

  /** Write down the chats, to be shown at once the next time. */
  async save() {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    const userId = this.parts.me();
    if (!userId || !this.#cursor) return;
    const chats = [...this.chats.held.values()];
    await this.parts.storage.set(KEY, { userId, epoch: this.epoch, cursor: this.#cursor, chats });
  }

  /** @param {string} userId */
  async restore(userId) {
    const kept = /** @type {any} */ (await this.parts.storage.get(KEY));
    if (kept?.userId !== userId || this.#cursor) return;
    this.epoch = kept.epoch;
    this.#cursor = kept.cursor;
    for (const chat of /** @type {ChatView[]} */ (kept.chats)) {
      if (chat.peer) this.people.take([chat.peer]);
      this.chats.take(chat);
    }
  }

  async erase() {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    this.forget();
    this.people.clear();
    clearTimeout(this.#saving);
    this.#saving = undefined;
    await this.parts.storage.delete(KEY);
  }

  close() {
    clearTimeout(this.#saving);
    this.people.close();
    for (const opened of this.opened.values()) {
      opened.window.close();
      opened.fail(errorOf({ code: "offline" }));
    }
  }
}
