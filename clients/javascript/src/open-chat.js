/** What an application holds of an open chat: the messages to show, stored and pending, and ways to page through them. */

import { errorOf } from "./errors.js";
import { View } from "./view.js";
import { Window } from "./window.js";

/**
 * @typedef {import("./types.js").ShownMessage} ShownMessage
 * @typedef {import("./protocol.js").MessageView} MessageView
 * @typedef {import("./outbox.js").Entry} Entry
 */

/** One open chat, however many have it open. */
export class Opened {
  /** How many handles there are. */
  count = 0;
  messages = new View(/** @returns {readonly ShownMessage[]} */ () => this.#shown());
  /** @type {Promise<void>} */
  ready;
  /** @type {() => void} */
  #isReady = () => {};
  /** @type {(error: Error) => void} */
  fail = () => {};
  /** @type {WeakMap<object, { over: MessageView, ticks: ShownMessage["ticks"], shown: ShownMessage }>} */
  #made = new WeakMap();

  /**
   * @param {string} chatId
   * @param {{
   *   window: Omit<ConstructorParameters<typeof Window>[1], "onChanged">, outbox: import("./outbox.js").Outbox,
   *   changes: import("./changes.js").Changes,
   * }} parts
   */
  constructor(chatId, parts) {
    this.chatId = chatId;
    this.parts = parts;
    this.window = new Window(chatId, {
      ...parts.window,
      onChanged: () => {
        this.messages.touch();
        if (this.window.isLoaded) this.#isReady();
      },
    });
    this.ready = new Promise((resolve, reject) => ((this.#isReady = resolve), (this.fail = reject)));
    this.ready.catch(() => {});
  }

  #shown() {
    const { window, outbox, changes } = this.parts;
    const me = window.me();
    const readSeq = window.chat()?.others_read_seq ?? 0;
    const pending = outbox.of.of(this.chatId).get();
    const stored = [...this.window.held.values()].sort((a, b) => a.seq - b.seq);
    const isStored = new Set(pending.length ? stored.map((one) => one.client_id) : []);
    return [
      ...stored.map((one) => this.#view(one, changes.over(one), one.sender_id === me && one.type !== "system", readSeq)),
      ...pending.filter((one) => !isStored.has(one.clientId)).map((one) => this.#pending(one)),
    ];
  }

  /** @param {MessageView} stored @param {MessageView} over @param {boolean} mine @param {number} readSeq @returns {ShownMessage} */
  #view(stored, over, mine, readSeq) {
    /** @type {ShownMessage["ticks"]} */
    const ticks = !mine ? null : stored.seq <= readSeq ? "read" : "sent";
    const made = this.#made.get(stored);
    if (made && made.over === over && made.ticks === ticks) return made.shown;
    const shown = /** @type {ShownMessage} */ ({ ...over, pending: null, mine, ticks });
    this.#made.set(stored, { over, ticks, shown });
    return shown;
  }

  /** @param {Entry} entry @returns {ShownMessage} */
  #pending(entry) {
    const made = this.#made.get(entry);
    if (made) return made.shown;
    const { outbox } = this.parts;
    const { clientId, draft } = entry;
    const status = entry.refused ? "refused" : entry.isSending ? "sending" : "waiting";
    const shown = /** @type {ShownMessage} */ ({
      chat_id: entry.chatId, seq: Infinity, sender_id: entry.userId, type: draft.type, content: entry.shown ?? draft.content,
      reply_to: draft.reply_to ?? null, mentions: draft.mentions ?? [], forwarded_from: null, client_id: clientId,
      created_at: entry.at, edited_at: null, deleted_at: null, like_count: 0, liked_by_me: false, reactions: [],
      metadata: draft.metadata ?? null, version: 0, mine: true, ticks: "pending",
      pending: {
        clientId, status, ...(entry.refused && { error: errorOf(entry.refused) }),
        retry: () => outbox.retry(clientId), discard: () => outbox.discard(clientId),
      },
    });
    this.#made.set(entry, { over: shown, ticks: "pending", shown });
    return shown;
  }

  /**
   * What one user of the open chat gets.
   *
   * @param {<T>(work: () => Promise<T>) => Promise<T>} patiently
   * @param {() => void} onClosed
   * @returns {import("./types.js").OpenChat}
   */
  handle(patiently, onClosed) {
    const { window } = this;
    let isOpen = true;
    return {
      chatId: this.chatId,
      messages: this.messages,
      hasOlder: window.hasOlder,
      hasNewer: window.hasNewer,
      ready: this.ready,
      loadOlder: () => patiently(() => window.loadOlder()),
      loadNewer: () => patiently(() => window.loadNewer()),
      jumpTo: (seq) => patiently(() => window.load({ around: seq })),
      jumpToNewest: () => (window.isLoaded && !window.hasNewer.get() ? Promise.resolve() : patiently(() => window.load())),
      close: () => {
        if (isOpen) onClosed();
        isOpen = false;
      },
    };
  }
}
