/**
 * Changes of stored messages that are shown before the server has them: laid over the messages until it answers, so a
 * refused one is gone by itself. Changes of one message go out one after another.
 */

/**
 * @typedef {import("./protocol.js").MessageView} MessageView
 * @typedef {{ seq: number, apply: (message: MessageView) => MessageView }} Overlay
 */

export class Changes {
  /** @type {Map<string, Overlay[]>} */
  #overlays = new Map();
  /** @type {Map<string, Promise<unknown>>} */
  #lines = new Map();

  /** @param {(chatId: string) => void} onChanged */
  constructor(onChanged) {
    this.onChanged = onChanged;
  }

  /**
   * Show a change, do it, and settle what it has answered.
   *
   * @template T
   * @param {string} chatId
   * @param {number} seq
   * @param {(message: MessageView) => MessageView} apply
   * @param {() => Promise<T>} perform
   * @param {(answer: T) => void} settle
   */
  async run(chatId, seq, apply, perform, settle) {
    const overlay = { seq, apply };
    const key = `${chatId} ${seq}`;
    this.#overlays.set(chatId, [...(this.#overlays.get(chatId) ?? []), overlay]);
    this.onChanged(chatId);
    const turn = (this.#lines.get(key) ?? Promise.resolve()).then(perform);
    const line = turn.catch(() => {});
    this.#lines.set(key, line);
    try {
      settle(await turn);
    } finally {
      if (this.#lines.get(key) === line) this.#lines.delete(key);
      const left = this.#overlays.get(chatId)?.filter((one) => one !== overlay) ?? [];
      if (left.length) this.#overlays.set(chatId, left);
      else this.#overlays.delete(chatId);
      this.onChanged(chatId);
    }
  }

  /** The message as it is to be shown. @param {MessageView} message */
  over(message) {
    const overlays = this.#overlays.get(message.chat_id);
    if (!overlays) return message;
    return overlays.reduce((shown, { seq, apply }) => (seq === message.seq ? apply(shown) : shown), message);
  }
}

/** @param {any} content @returns {(message: MessageView) => MessageView} */
export const edited = (content) => (message) =>
  message.deleted_at
    ? message
    : /** @type {MessageView} */ ({ ...message, content: { ...message.content, ...content }, edited_at: new Date().toISOString() });

/** @param {MessageView} message @returns {MessageView} */
export const deleted = (message) =>
  message.deleted_at ? message : { ...message, content: null, deleted_at: new Date().toISOString() };

/** @param {boolean} isLiked @param {number} [count] how many like it now @returns {(message: MessageView) => MessageView} */
export const liked = (isLiked, count) => (message) =>
  message.liked_by_me === isLiked
    ? message
    : { ...message, liked_by_me: isLiked, like_count: count ?? Math.max(0, message.like_count + (isLiked ? 1 : -1)) };

/** @param {string} emoji @param {boolean} isAdded @returns {(message: MessageView) => MessageView} */
export const reacted = (emoji, isAdded) => (message) => {
  const known = message.reactions.find((one) => one.emoji === emoji);
  if ((known?.mine ?? false) === isAdded) return message;
  const change = isAdded ? 1 : -1;
  const reactions = known
    ? message.reactions.map((one) => (one === known ? { ...one, mine: isAdded, count: one.count + change } : one))
    : [...message.reactions, { emoji, count: 1, mine: true }];
  return { ...message, reactions: reactions.filter((one) => one.count > 0) };
};
