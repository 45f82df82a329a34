/** The client: what an application calls, and what it watches. */

import { Account } from "./account.js";
import { Changes, deleted, edited, liked, reacted } from "./changes.js";
import { Connection } from "./connection.js";
import { asMolvaError, NotFoundError, SignedOutError } from "./errors.js";
import { newId, Outbox } from "./outbox.js";
import { Replica } from "./replica.js";
import { defaultStorage, forgiving } from "./storage.js";
import { uploadFile } from "./uploads.js";
import { View } from "./view.js";
import { Wire } from "./wire.js";

/**
 * @typedef {import("./types.js").MolvaOptions} MolvaOptions
 * @typedef {import("./protocol.js").ChatView} ChatView
 * @typedef {import("./protocol.js").Announcement} Announcement
 * @typedef {import("./protocol.js").Profile} Profile
 * @typedef {import("./types.js").ActionName} ActionName
 * @typedef {(message: import("./protocol.js").MessageView) => import("./protocol.js").MessageView} Change
 */

const TYPING_EVERY_MS = 3000;
const LONGEST_MS = 2 ** 31 - 1; // of a timer
const PATIENCE_MS = 15_000;
/** Actions that would be done twice if they were sent twice. */
const ONCE = new Set(["invite:create", "report:create"]);

export class Molva {
  /** @type {import("./types.js").ConnectionStatus} */
  #status = "offline";
  /** @type {string | undefined} */
  #reason;
  /** @type {Profile | null} */
  #me = null;
  /** @type {import("./protocol.js").SessionReady | null} */
  #ready = null;
  /** @type {Announcement[]} */
  #announcements = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #ending;
  /** @type {Map<string, number>} */
  #typed = new Map();
  /** @type {Map<string, number>} */
  #reading = new Map();
  /** @type {Map<string, Promise<import("./protocol.js").FileUrl>>} */
  #urls = new Map();
  /** @type {Map<string, Set<(told: any) => void>>} */
  #listeners = new Map();
  state = new View(/** @returns {import("./types.js").ConnectionState} */ () => ({
    status: this.#status,
    ...(this.#reason && { reason: this.#reason }),
    me: this.#me,
    sessionId: this.#ready?.session_id ?? null,
    limits: this.#ready?.limits ?? null,
    announcements: this.#announcements,
  }));

  /** @param {MolvaOptions} options */
  constructor({ url, io, storage, onError, trace, backoff, ackTimeout, socket }) {
    /** @param {unknown} error */
    this.onError = (error) => onError?.(asMolvaError(error));
    this.wire = new Wire(url, trace);
    this.storage = forgiving(storage ?? defaultStorage(this.wire.url), this.onError);
    const me = () => this.#me?.id ?? null;
    this.account = new Account(this.wire, this.storage, {
      onIn: (user) => this.#signedIn(user),
      onOut: (reason) => void this.#signedOut(reason),
    });
    this.connection = new Connection({
      wire: this.wire, tokens: this.account.tokens, io, socket, backoff, ackTimeout,
      onReady: (ready) => this.#catchUp(ready),
      onEvent: (name, told) => this.#hear(name, told),
      onStatus: (status, reason) => this.#tell(status, reason),
      onSignedOut: (reason) => void this.#signedOut(reason),
      onError: this.onError,
    });
    this.changes = new Changes((chatId) => this.replica.opened.get(chatId)?.messages.touch());
    this.outbox = new Outbox(this.storage, {
      isOnline: () => this.connection.isOnline,
      send: (payload) => /** @type {Promise<any>} */ (this.replica.call("message:send", payload)),
      onSent: (message) => this.replica.takeMessage(message),
      onChanged: (chatId) => this.replica.opened.get(chatId)?.messages.touch(),
      onError: this.onError,
    });
    /** @type {Replica} */
    this.replica = new Replica({
      storage: this.storage, connection: this.connection, outbox: this.outbox, changes: this.changes, me,
      request: (method, path) => this.account.request(method, path), onError: this.onError,
    });
    this.chats = this.replica.chats.list;
    this.archived = this.replica.chats.archived;
    this.unread = this.replica.chats.unread;
  }

  // --- signing in

  /** @param {string} phone @param {object} [challenge] the solution, when one was asked for */
  requestCode(phone, challenge) {
    return this.account.requestCode(phone, challenge);
  }

  /** @param {import("./types.js").SignIn} input */
  signIn(input) {
    return this.account.signIn(input);
  }

  /** @param {import("./types.js").Tokens} tokens */
  signInWithTokens(tokens) {
    return this.account.signInWithTokens(tokens);
  }

  restore() {
    return this.account.restore();
  }

  async signOut() {
    this.connection.stop("signed_out", "signed_out");
    await this.account.signOut();
    await this.outbox.clear();
    await this.#signedOut("signed_out");
  }

  // --- connection

  connect() {
    return this.connection.start();
  }

  disconnect() {
    this.connection.stop();
  }

  close() {
    clearTimeout(this.#ending);
    this.connection.close();
    this.replica.close();
    this.account.tokens.close();
    void this.outbox.close().then(() => this.storage.close?.());
  }

  // --- what is shown

  /** @param {string} chatId */
  chat(chatId) {
    return this.replica.chats.views.of(chatId);
  }

  /** @param {string} userId */
  user(userId) {
    return this.replica.people.views.of(userId);
  }

  /** @param {ChatView} chat */
  title(chat) {
    return chat.me.title ?? chat.title ?? chat.peer?.display_name ?? "";
  }

  /** @param {string} userId */
  presence(userId) {
    return this.replica.people.presence.of(userId);
  }

  /** @param {string} chatId */
  typing(chatId) {
    return this.replica.people.typing.of(chatId);
  }

  /** @param {string} chatId */
  open(chatId) {
    return this.replica.open(chatId);
  }

  /** Every event of the server by this name. @param {string} name @param {(told: any) => void} listener */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  // --- the person's actions

  /**
   * @template {ActionName} Name
   * @param {Name} name
   * @param {import("./types.js").ActionPayload<Name>} payload
   * @returns {Promise<import("./types.js").ActionData<Name>>}
   */
  action(name, payload) {
    const given = name === "chat:create_group" ? { client_id: newId(), ...payload } : payload;
    if (!ONCE.has(name)) return this.replica.patiently(() => this.replica.steady(name, given), PATIENCE_MS);
    return this.connection.online(PATIENCE_MS).then(() => this.replica.steady(name, given));
  }

  /** @param {string} chatId @param {import("./types.js").MessageDraft} draft @param {object} [shown] */
  send(chatId, draft, shown) {
    return this.outbox.add(this.#who(), chatId, draft, shown);
  }

  /** @param {string} chatId @param {number} seq @param {any} content */
  edit(chatId, seq, content) {
    return this.#change("message:edit", { chat_id: chatId, seq, content }, edited(content));
  }

  /** @param {string} chatId @param {number} seq */
  deleteMessage(chatId, seq) {
    return this.#change("message:delete", { chat_id: chatId, seq }, deleted);
  }

  /** @param {string} chatId @param {number} seq @param {boolean} isLiked */
  like(chatId, seq, isLiked) {
    const name = isLiked ? "message:like" : "message:unlike";
    return this.#change(name, { chat_id: chatId, seq }, liked(isLiked), "", ({ like_count }) => liked(isLiked, like_count));
  }

  /** @param {string} chatId @param {number} seq @param {string} emoji @param {boolean} isAdded */
  react(chatId, seq, emoji, isAdded) {
    const name = isAdded ? "message:react" : "message:unreact";
    return this.#change(name, { chat_id: chatId, seq, emoji }, reacted(emoji, isAdded), emoji, ({ reactions }) => (message) =>
      reacted(emoji, isAdded)(message) === message ? message : { ...message, reactions });
  }

  /**
   * @param {string} name
   * @param {{ chat_id: string, seq: number, [name: string]: unknown }} payload
   * @param {Change} apply
   * @param {string} [emoji]
   * @param {(answer: any) => Change} [amend] what the answer makes of the message, if it does not hold it
   */
  #change(name, payload, apply, emoji, amend) {
    const { chat_id, seq } = payload;
    const perform = () => this.replica.patiently(() => this.replica.steady(name, payload));
    const known = () => this.replica.opened.get(chat_id)?.window.ownVersion(seq, emoji);
    const before = known();
    return this.changes.run(chat_id, seq, apply, perform, (answer) => {
      // The event may have been faster, and what another device did since may have come behind it.
      if (amend && known() === before) this.replica.opened.get(chat_id)?.window.amend(seq, amend(answer));
    });
  }

  /** @param {string} chatId @param {number} seq */
  read(chatId, seq) {
    const { chats } = this.replica;
    const chat = chats.get(chatId);
    const upTo = Math.min(seq, chat?.message_count ?? 0);
    if (!chat || upTo <= chat.me.read_seq || upTo <= (this.#reading.get(chatId) ?? 0)) return;
    chats.read(chatId, upTo);
    const isUnderWay = this.#reading.has(chatId);
    this.#reading.set(chatId, upTo);
    if (!isUnderWay) void this.#sendRead(chatId);
  }

  /** Newer marks that come meanwhile go out together. @param {string} chatId */
  async #sendRead(chatId) {
    try {
      for (let sent = 0, seq; (seq = this.#reading.get(chatId) ?? 0) > sent; sent = seq) {
        const payload = { chat_id: chatId, seq };
        await this.replica.patiently(() => this.replica.steady("message:read", payload));
      }
    } catch (error) {
      if (!(error instanceof SignedOutError || error instanceof NotFoundError)) this.onError(error); // or the chat is lost
    } finally {
      this.#reading.delete(chatId);
    }
  }

  /** @param {string} chatId */
  setTyping(chatId) {
    const now = Date.now();
    if (!this.connection.isOnline || now - (this.#typed.get(chatId) ?? 0) < TYPING_EVERY_MS) return;
    this.#typed.set(chatId, now);
    this.connection.call("chat:typing", { chat_id: chatId }).catch(() => {}); // worth no second try
  }

  // --- files

  /** @param {Blob} file @param {import("./types.js").UploadOptions} [options] */
  upload(file, options = {}) {
    return this.account.withToken((token) => uploadFile(this.wire, token, file, options));
  }

  /** @param {string} chatId @param {Blob} file @param {import("./types.js").UploadOptions & { caption?: string }} [options] */
  async sendFile(chatId, file, options = {}) {
    const { id, kind, created_at: _, ...known } = await this.upload(file, options);
    const content = { file_id: id, name: options.name ?? known.name, ...(options.caption && { caption: options.caption }) };
    return this.send(chatId, /** @type {any} */ ({ type: kind, content }), { ...known, ...content });
  }

  /** @param {string} path */
  mediaUrl(path) {
    return /^[a-z]+:/i.test(path) ? path : this.wire.url + path;
  }

  /** Signed URLs of a file that still work, absolute. @param {string} fileId */
  async fileUrl(fileId) {
    let known = await this.#urls.get(fileId)?.catch(() => undefined);
    if (!known || Date.parse(known.expires_at) - Date.now() < 60_000) {
      const asked = this.action("file:url", { file_id: fileId });
      this.#urls.set(fileId, asked);
      known = await asked;
    }
    const { url, thumbnail_url } = known;
    return { url: this.mediaUrl(url), thumbnail_url: thumbnail_url && this.mediaUrl(thumbnail_url) };
  }

  /** Fresh signed URLs in a message of an open chat: for an image that did not load. @param {string} chatId @param {number} seq */
  async refreshMedia(chatId, seq) {
    const window = this.replica.opened.get(chatId)?.window;
    const content = /** @type {any} */ (window?.held.get(seq)?.content);
    if (!window || !content?.file_id) return;
    const { url, thumbnail_url } = await this.action("file:url", { file_id: content.file_id });
    window.amend(seq, (/** @type {any} */ message) => ({
      ...message,
      content: message.content && { ...message.content, url, ...(thumbnail_url && { thumbnail_url, thumbnail: thumbnail_url }) },
    }));
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  request(method, path, body) {
    return this.account.request(method, path, body);
  }

  // --- within

  #who() {
    if (!this.#me) throw new SignedOutError({ code: "signed_out", message: "Nobody is signed in." });
    return this.#me.id;
  }

  /** @param {Profile} user */
  async #signedIn(user) {
    if (this.#me && this.#me.id !== user.id) await this.#signedOut("another_person");
    this.#me = user;
    this.connection.allow();
    this.state.touch();
    this.replica.people.take([user]);
    await this.replica.restore(user.id);
    await this.outbox.load(user.id);
  }

  /** The session is over. What was not sent is kept, for when the same person signs in again. @param {string} reason */
  async #signedOut(reason) {
    if (this.#status !== "signed_out") this.connection.stop("signed_out", reason);
    this.#me = null;
    this.#ready = null;
    this.#announce([]);
    if (this.account.tokens.held) await this.account.tokens.forget(reason);
    await this.outbox.leave();
    await this.replica.erase();
  }

  /** @param {import("./protocol.js").SessionReady} ready */
  async #catchUp(ready) {
    this.#me = ready.user;
    this.#ready = ready;
    this.#announce(ready.announcements);
    this.replica.people.take([ready.user]);
    await this.replica.catchUp(ready);
  }

  /** Each is shown until its end. @param {Announcement[]} announcements */
  #announce(announcements) {
    const now = Date.now();
    this.#announcements = announcements.filter((one) => Date.parse(one.until) > now);
    this.state.touch();
    clearTimeout(this.#ending);
    const next = Math.min(...this.#announcements.map((one) => Date.parse(one.until) - now));
    if (next < LONGEST_MS) this.#ending = setTimeout(() => this.#announce(this.#announcements), next + 1);
  }

  /** @param {string} name @param {any} told */
  #hear(name, told) {
    if (name === "server:announcement") {
      this.#announce([...this.#announcements.filter((one) => one.text !== told.text), told]);
    }
    if (name === "user:updated" && told.user.id === this.#me?.id) {
      this.#me = /** @type {Profile} */ ({ ...this.#me, ...told.user });
      this.state.touch();
    }
    this.replica.hear(name, told);
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(told);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  /** @param {import("./types.js").ConnectionStatus} status @param {string} [reason] */
  #tell(status, reason) {
    this.#status = status;
    this.#reason = reason;
    this.state.touch();
    if (status === "online") this.outbox.flush();
  }
}
