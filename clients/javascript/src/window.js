/**
 * The messages of one open chat: a stretch of its history without holes, kept true by events and `message:changes`.
 *
 * `chat:updated` comes before the message that it is about, and the connection may end between the two. So a version is
 * *told* with any event, and *held* when the messages up to it are here: that is what `message:changes` is asked with.
 */

import { viewed } from "./chats.js";
import { ConflictError, isUnanswered } from "./errors.js";
import { share, View } from "./view.js";

/**
 * @typedef {import("./protocol.js").ChatView} ChatView
 * @typedef {import("./protocol.js").MessageView} MessageView
 * @typedef {import("./protocol.js").MessagePage} MessagePage
 * @typedef {{ before?: number, after?: number, around?: number }} Where
 */

const PAGE = 50;
const OVERDUE_MS = 1000;
const CHANGES_MAX = 1000; // behind by more, the page is loaded anew

export class Window {
  /** @type {Map<number, MessageView>} */
  held = new Map();
  hasOlder = new View(() => this.held.size > 0 && this.low > (this.parts.chat()?.me.first_seq ?? 1));
  hasNewer = new View(() => this.#hasNewer);
  isLoaded = false;
  #hasNewer = false;
  #version = 0;
  #told = 0;
  #joinedAt = "";
  #firstSeq = 1;
  #isReconciling = false;
  /** @type {Promise<void> | null} */
  #fetching = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #overdue;
  #wanted = 0; // the version that the messages are to reach
  /** @type {Promise<unknown>} */
  #pages = Promise.resolve(); // one page after another
  #generation = 0;
  /** Message, or message and emoji → the version at which the person's own part is known. @type {Map<string, number>} */
  #own = new Map();
  /** Events that came while a page was on its way, which may be older than they are. @type {[string, any][] | null} */
  #early = null;
  #heard = 0; // the greatest version of them
  /** @type {Promise<void> | null} */
  #loading = null;

  /**
   * @param {string} chatId
   * @param {{
   *   call: (name: "message:list" | "message:changes", payload: object) => Promise<any>,
   *   chat: () => ChatView | undefined, me: () => string | null, epoch: () => string | null,
   *   onChanged: () => void, onOverdue: () => void, onError: (error: unknown) => void,
   * }} parts
   */
  constructor(chatId, parts) {
    this.chatId = chatId;
    this.parts = parts;
  }

  get low() {
    return this.held.size ? Math.min(...this.held.keys()) : Infinity;
  }

  get high() {
    return this.held.size ? Math.max(...this.held.keys()) : 0;
  }

  /** Whether a message belongs to the stretch that is held. @param {number} seq */
  #fits(seq) {
    return seq > this.high ? !this.#hasNewer : seq >= this.low;
  }

  // --- pages

  /** The first page, if none is there. @returns {Promise<void>} */
  begin() {
    if (this.isLoaded) return Promise.resolve();
    this.#loading ??= this.load().finally(() => (this.#loading = null));
    return this.#loading;
  }

  /** The newest page, or one around a message, in the place of what is held. @param {Where} [where] */
  load(where = {}) {
    return this.#page(where, (page, version) => {
      this.held.clear();
      this.#own.clear();
      if (!this.isLoaded) {
        this.isLoaded = true;
        this.#version = this.#told = version;
        this.#isReconciling = false;
      }
      const chat = this.parts.chat();
      if (chat) this.#noteStay(chat);
      this.#setNewer(page.has_after);
      for (const message of page.messages) this.#putView(message);
    });
  }

  loadOlder() {
    return this.#page(() => ({ before: this.low }), (page) => {
      for (const message of page.messages) this.#putView(message);
    });
  }

  loadNewer() {
    return this.#page(() => ({ after: this.high }), (page) => {
      for (const message of page.messages) this.#putView(message);
      this.#setNewer(page.has_after);
    });
  }

  /**
   * @param {Where | (() => Where)} where
   * @param {(page: MessagePage, version: number) => void} apply with the chat's version from before the page
   * @returns {Promise<void>}
   */
  #page(where, apply) {
    const turn = this.#pages.then(async () => {
      const place = typeof where === "function" ? where() : where;
      if (typeof where === "function" && !(place.before ? this.hasOlder.get() : this.#hasNewer)) return;
      const generation = this.#generation;
      this.#early = [];
      this.#heard = 0;
      const version = this.parts.chat()?.version ?? 0;
      try {
        const page = await this.parts.call("message:list", { chat_id: this.chatId, limit: PAGE, ...place });
        if (generation !== this.#generation) return;
        apply(page, version);
        for (const [name, told] of this.#early ?? []) this.#apply(name, told);
        this.#changed();
        if (this.#heard > this.#told) this.#catchUpTo(this.#heard);
        this.#noteGone();
      } finally {
        this.#early = null;
      }
    });
    this.#pages = turn.catch(() => {});
    return turn;
  }

  /** @param {boolean} hasNewer */
  #setNewer(hasNewer) {
    this.#hasNewer = hasNewer;
    this.hasNewer.touch();
  }

  #changed() {
    this.hasOlder.touch();
    this.parts.onChanged();
  }

  // --- what is told

  /** @param {string} name @param {any} told */
  hear(name, told) {
    const isChat = name === "chat:updated";
    const version = isChat ? told.chat.version : (told.message?.version ?? told.version);
    if (!isChat) this.#early?.push([name, told]);
    this.#heard = Math.max(this.#heard, version);
    if (!this.isLoaded) return;
    if (!isChat) this.#apply(name, told);
    this.#noteVersion(version, !isChat, told.reason === "reconciled");
    this.#changed();
  }

  /** @param {string} name @param {any} told */
  #apply(name, told) {
    if (name === "message:liked") this.#hearLike(told);
    else if (name === "message:reacted") this.#hearReaction(told);
    else if (this.#fits(told.message.seq)) this.#put(viewed(told.message, this.held.get(told.message.seq)));
  }

  /** @param {{ seq: number, user_id: string, liked: boolean, like_count: number, version: number }} told */
  #hearLike({ seq, user_id, liked, like_count, version }) {
    const known = this.held.get(seq);
    if (!known || version <= known.version) return;
    if (user_id === this.parts.me()) this.#own.set(`${seq} `, version);
    this.#put({ ...known, version, like_count, liked_by_me: user_id === this.parts.me() ? liked : known.liked_by_me });
  }

  /** @param {import("./protocol.js").MessageReacted} told */
  #hearReaction({ seq, user_id, emoji, added, reactions, version }) {
    const known = this.held.get(seq);
    if (!known || version <= known.version) return;
    const isMe = user_id === this.parts.me();
    const mine = new Set(known.reactions.filter((one) => one.mine).map((one) => one.emoji));
    if (isMe) mine[added ? "add" : "delete"](emoji);
    if (isMe) this.#own.set(`${seq} ${emoji}`, version);
    this.#put({ ...known, version, reactions: reactions.map((one) => ({ ...one, mine: mine.has(one.emoji) })) });
  }

  /** An answer with one message of the chat. @param {MessageView} message */
  take(message) {
    if (!this.isLoaded || !this.#fits(message.seq)) return;
    this.#putView(message);
    this.#changed();
  }

  /** A change of a message of which no version is known. @param {number} seq @param {(message: MessageView) => MessageView} change */
  amend(seq, change) {
    const known = this.held.get(seq);
    if (!known) return;
    this.held.set(seq, share(known, change(known)));
    this.#changed();
  }

  /** An older state of a message replaces nothing. @param {MessageView} message */
  #put(message) {
    const known = this.held.get(message.seq);
    if (message.seq < this.#firstSeq || (known && message.version < known.version)) return;
    this.held.set(message.seq, share(known, message));
  }

  /**
   * A message of an answer, which says what is the person's own. An event may have brought a newer state of the message over
   * a gap, without that: then the older answer tells what events did not.
   *
   * @param {MessageView} message
   */
  #putView(message) {
    const { seq, version } = message;
    const known = this.held.get(seq);
    if (known && version < known.version) {
      const isLiked = version > this.ownVersion(seq) ? message.liked_by_me : known.liked_by_me;
      const mine = new Set(message.reactions.filter((one) => one.mine).map((one) => one.emoji));
      const reactions = known.reactions.map((one) => ({
        ...one,
        mine: version > this.ownVersion(seq, one.emoji) ? mine.has(one.emoji) : one.mine,
      }));
      this.held.set(seq, share(known, { ...known, liked_by_me: isLiked, reactions }));
    } else this.#put(message);
    this.#own.set(`${seq}`, Math.max(version, this.#own.get(`${seq}`) ?? 0));
  }

  /**
   * The version up to which it is known whether the person likes the message, or reacted to it with this emoji.
   *
   * @param {number} seq
   * @param {string} [emoji]
   */
  ownVersion(seq, emoji = "") {
    return Math.max(this.#own.get(`${seq}`) ?? 0, this.#own.get(`${seq} ${emoji}`) ?? 0);
  }

  // --- versions

  /**
   * In an open chat every version arrives: the same as told, or one more. Otherwise something was missed.
   *
   * @param {number} version
   * @param {boolean} isHere whether the event itself has what changed
   * @param {boolean} isReconciled
   */
  #noteVersion(version, isHere, isReconciled) {
    if (version > this.#told) {
      if (isReconciled || version !== this.#told + 1) {
        this.#catchUpTo(version);
        return;
      }
      this.#told = version;
    }
    if (!isHere) this.#overdue ??= setTimeout(() => this.#noteOverdue(), OVERDUE_MS);
    if (!isHere || version !== this.#told || this.#isReconciling) return;
    if (version <= this.#version + 1) this.#version = version;
    else this.#catchUpTo(version); // a version before it was told without its message: it may have been missed
  }

  /** A change was told, and what it was did not come: perhaps the chat is not watched any more. */
  #noteOverdue() {
    this.#overdue = undefined;
    if (this.#told <= this.#version || this.#isReconciling) return;
    this.parts.onOverdue();
    this.#catchUpTo(this.#told);
  }

  /** @param {number} version */
  #catchUpTo(version) {
    this.#told = version;
    this.#isReconciling = true; // until `message:changes` has answered
    this.#wanted = Math.max(this.#wanted, version);
    void this.fetchChanges().catch((error) => isUnanswered(error) || this.parts.onError(error));
  }

  /** Every message that changed since the version that is held. @returns {Promise<void>} */
  fetchChanges() {
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #fetch() {
    const generation = this.#generation;
    try {
      for (let isMore = true; isMore; ) {
        const asked = { chat_id: this.chatId, version: this.#version, epoch: this.parts.epoch(), limit: 100 };
        const page = await this.parts.call("message:changes", asked);
        if (generation !== this.#generation) return;
        for (const message of page.messages) {
          if (this.#fits(message.seq)) this.#putView(message);
        }
        this.#version = Math.max(this.#version, page.version);
        isMore = page.has_more || (this.#wanted > this.#version && page.version > asked.version);
        this.#changed();
      }
      this.#told = Math.max(this.#told, this.#version);
      this.#isReconciling = false;
    } catch (error) {
      if (!(error instanceof ConflictError && error.reason === "version_unknown")) throw error;
      await this.#reload();
    }
  }

  /**
   * A new connection has begun: what was told and did not come does not come any more, and until the chat is watched again
   * messages are missed. So no event moves the version that is held, before `message:changes` has answered.
   */
  fallBehind() {
    this.#told = this.#version;
    this.#isReconciling = true;
    this.#wanted = 0;
  }

  /** After a connect, once the chat is watched again. */
  async catchUp() {
    // What was asked before the chat was watched again may have been answered before a message that was not heard.
    await this.#fetching?.catch(() => {});
    const chat = this.parts.chat();
    this.fallBehind();
    if (!this.isLoaded) await this.begin();
    else if ((chat?.version ?? 0) - this.#version > CHANGES_MAX) await this.#reload();
    else await this.fetchChanges();
  }

  /** All that is held may be what the person does not see, or no more. */
  #noteGone() {
    if (!this.held.size && this.#hasNewer) this.#reloadSoon();
  }

  /** On the next connection, if this one ends. */
  #reloadSoon() {
    this.#reload().catch((error) => isUnanswered(error) || this.parts.onError(error));
  }

  /** The same stretch anew, or the newest page if that was held. */
  #reload() {
    const middle = [...this.held.keys()].sort((a, b) => a - b)[this.held.size >> 1];
    this.isLoaded = false;
    return this.load(this.#hasNewer && middle ? { around: middle } : {});
  }

  // --- the chat itself

  /** The chat has changed: the person may see less of it, or more. */
  noteChat() {
    const chat = this.parts.chat();
    if (!chat || !this.isLoaded) return;
    const isNewStay = chat.me.joined_at !== this.#joinedAt || chat.me.first_seq < this.#firstSeq;
    const { first_seq } = chat.me;
    if (!isNewStay && first_seq === this.#firstSeq) return;
    this.#noteStay(chat);
    for (const seq of [...this.held.keys()]) if (seq < first_seq) this.held.delete(seq);
    if (isNewStay) this.#reloadSoon();
    else this.#noteGone();
    this.#changed();
  }

  /** @param {ChatView} chat */
  #noteStay(chat) {
    this.#joinedAt = chat.me.joined_at;
    this.#firstSeq = chat.me.first_seq;
  }

  close() {
    clearTimeout(this.#overdue);
  }

  /** The chat is lost, or its history is another one now. */
  forget() {
    this.#generation++;
    this.held.clear();
    this.#own.clear();
    this.isLoaded = false;
    this.#version = this.#told = this.#wanted = 0;
    this.#setNewer(false);
    this.#changed();
  }
}
