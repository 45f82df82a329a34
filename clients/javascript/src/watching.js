/** Tells the server which chats are open here, and which of them is active. */

import { NotFoundError } from "./errors.js";

const WATCHED_MAX = 50;

export class Watching {
  #told = ""; // what this connection was told
  #losses = 0; // how often a chat dropped out of that
  /** @type {Promise<unknown>} */
  #turns = Promise.resolve();

  /**
   * @param {{
   *   steady: (name: string, payload: object) => Promise<any>,
   *   opened: () => string[], isKnown: (chatId: string) => boolean,
   *   onMissing: (chatId: string) => void, onLost: (chatId: string) => void,
   * }} parts `opened`: in the order of opening. `onMissing`: an open chat does not exist, or not for this person
   */
  constructor(parts) {
    this.parts = parts;
  }

  /** A new connection has begun. @param {import("./protocol.js").SessionReady} ready */
  begin(ready) {
    this.forget();
    if (ready.active_chat_id === null) this.#told = "[]";
  }

  /** What was told may not hold any more. */
  forget() {
    this.#told = "";
    this.#losses++;
  }

  /** @returns {Promise<void>} */
  tell() {
    const { opened, isKnown, onMissing } = this.parts;
    const turn = this.#turns.then(async () => {
      for (const id of opened()) {
        // It may come later, when somebody adds the person again.
        if (!isKnown(id) && (await this.#isLost(id))) onMissing(id);
      }
      await this.#watch(opened().filter(isKnown).slice(-WATCHED_MAX));
    });
    this.#turns = turn.catch(() => {});
    return turn;
  }

  /** @param {string[]} ids @returns {Promise<void>} */
  async #watch(ids) {
    const wanted = JSON.stringify(ids);
    if (wanted === this.#told) return;
    const losses = this.#losses;
    try {
      await Promise.all([
        this.parts.steady("chat:watch", { chat_ids: ids }),
        this.parts.steady("chat:activate", { chat_id: ids.at(-1) ?? null }),
      ]);
      if (losses === this.#losses) this.#told = wanted; // a chat lost meanwhile is not watched, even if it is back
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      const lost = await Promise.all(ids.map((id) => this.#isLost(id))); // and its chat:removed is on its way
      for (const [place, id] of ids.entries()) if (lost[place]) this.parts.onLost(id);
      await this.#watch(ids.filter((_, place) => !lost[place]));
    }
  }

  /** @param {string} chatId */
  async #isLost(chatId) {
    try {
      await this.parts.steady("chat:get", { chat_id: chatId });
      return false;
    } catch (error) {
      if (error instanceof NotFoundError) return true;
      throw error;
    }
  }
}
