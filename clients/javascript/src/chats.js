/**
 * All chats of the person: answers and events go in, lists in the order to show and unread counts come out.
 *
 * Events to all members have neither `me` nor `peer`, may be overtaken by answers and may overtake them; what they mean for
 * the unread counts is reckoned here, so that nothing is asked for a message that comes.
 */

import { share, View, Views } from "./view.js";

/**
 * @typedef {import("./protocol.js").ChatView} ChatView
 * @typedef {import("./protocol.js").EventChat} EventChat
 * @typedef {import("./protocol.js").Me} Me
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./protocol.js").MessageView} MessageView
 */

const LAST = Number.MAX_SAFE_INTEGER;

/** @param {ChatView} a @param {ChatView} b */
const inOrder = (a, b) =>
  (a.me.pinned ?? LAST) - (b.me.pinned ?? LAST) || compare(b.updated_at, a.updated_at) || compare(b.id, a.id);

/** @param {string} a @param {string} b */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export class Chats {
  /** @type {Map<string, ChatView>} */
  held = new Map();
  list = new View(/** @returns {readonly ChatView[]} */ () => this.#listed(false));
  archived = new View(/** @returns {readonly ChatView[]} */ () => this.#listed(true));
  unread = new View(() => this.#totals());
  /** @type {Views<ChatView | null>} */
  views = new Views((id) => new View(() => this.held.get(id) ?? null));

  /**
   * @param {{ me: () => string | null, onDoubt: (chatId: string) => void, onChanged: (chatId: string) => void }} parts
   *   `onDoubt`: the counts of this chat are to be asked for
   */
  constructor(parts) {
    this.parts = parts;
  }

  /** @param {string} id */
  get(id) {
    return this.held.get(id);
  }

  /** A chat of an answer. @param {ChatView} chat */
  take(chat) {
    const known = this.held.get(chat.id);
    if (known && chat.version < known.version) this.#putOlder(known, chat.me);
    else this.#put({ ...chat, me: withRead(chat.me, known) });
  }

  /** A chat of `chat:updated`. @param {EventChat} chat @param {string} reason */
  hear(chat, reason) {
    const known = this.held.get(chat.id);
    const given = chat.me ?? known?.me;
    if (!given || (known && !chat.me && chat.version < known.version)) return;
    if (known && chat.version < known.version) return this.#putOlder(known, given);
    const me = withRead(given, known);
    const last = chat.last_message && chat.last_message.seq >= me.first_seq ? chat.last_message : null;
    if (last && last.sender_id === this.parts.me()) me.read_seq = Math.max(me.read_seq, last.seq); // writing reads
    if (!chat.me && known) {
      const more = chat.message_count - known.message_count;
      if (more === 1 && last?.mentions.includes(this.parts.me() ?? "")) me.unread_mentions++;
      if (more > 1 || (me.unread_mentions > 0 && reason === "message_deleted")) this.parts.onDoubt(chat.id);
    }
    this.#put({
      ...chat,
      peer: chat.peer ?? (chat.type === "private" ? (known?.peer ?? null) : null),
      pinned_seqs: chat.pinned_seqs.filter((seq) => seq >= me.first_seq),
      last_message: last && viewed(last, known?.last_message),
      others_read_seq: chat.others_read_seq ?? known?.others_read_seq ?? 0,
      me,
    });
  }

  /** Another member has read. @param {string} id @param {number} seq */
  othersRead(id, seq) {
    const chat = this.held.get(id);
    if (chat) this.#put({ ...chat, others_read_seq: Math.max(chat.others_read_seq, seq) });
  }

  /** The person has read up to here. @param {string} id @param {number} seq */
  read(id, seq) {
    const chat = this.held.get(id);
    if (chat && seq > chat.me.read_seq) this.#put({ ...chat, me: { ...chat.me, read_seq: Math.min(seq, chat.message_count) } });
  }

  /** A message that changed, which may be the one that the list shows. @param {MessageView} message */
  showLast(message) {
    const chat = this.held.get(message.chat_id);
    if (chat?.last_message?.seq === message.seq && message.version >= chat.last_message.version)
      this.#put({ ...chat, last_message: message });
  }

  /** A profile that changed, which may be the other person of a private chat. @param {import("./protocol.js").User} user */
  takePeer(user) {
    for (const chat of [...this.held.values()]) if (chat.peer?.id === user.id) this.#put({ ...chat, peer: user });
  }

  /** @param {string} id */
  drop(id) {
    if (this.held.delete(id)) this.#changed(id);
  }

  clear() {
    for (const id of [...this.held.keys()]) this.drop(id);
  }

  /** What is mine, told with an older state of the chat: mentions since then are not counted in it. @param {ChatView} known @param {Me} me */
  #putOlder(known, me) {
    if (me.unread_mentions !== known.me.unread_mentions) this.parts.onDoubt(known.id);
    this.#put({ ...known, me: withRead(me, known) });
  }

  /** @param {ChatView} chat */
  #put(chat) {
    const { me } = chat;
    const unread = Math.max(0, chat.message_count - me.read_seq);
    const next = { ...chat, me: { ...me, unread_count: unread, unread_mentions: unread ? Math.min(me.unread_mentions, unread) : 0 } };
    const known = this.held.get(chat.id);
    const kept = share(known, next);
    if (kept === known) return;
    this.held.set(chat.id, kept);
    this.#changed(chat.id);
  }

  /** @param {string} id */
  #changed(id) {
    for (const view of [this.list, this.archived, this.unread]) view.touch();
    this.views.touch(id);
    this.parts.onChanged(id);
  }

  /** @param {boolean} archived */
  #listed(archived) {
    return [...this.held.values()].filter((chat) => chat.me.archived === archived).sort(inOrder);
  }

  #totals() {
    const totals = { chats: 0, messages: 0, mentions: 0 };
    const now = Date.now();
    for (const { me } of this.held.values()) {
      if (me.archived || !me.unread_count || (me.muted_until && Date.parse(me.muted_until) > now)) continue;
      totals.chats++;
      totals.messages += me.unread_count;
      totals.mentions += me.unread_mentions;
    }
    return totals;
  }
}

/**
 * What is mine, with a read mark that only moves forward, as long as I did not leave and come back.
 *
 * @param {Me} me
 * @param {ChatView | undefined} known
 */
function withRead(me, known) {
  const isSameStay = known?.me.joined_at === me.joined_at;
  const readSeq = isSameStay ? Math.max(me.read_seq, known?.me.read_seq ?? 0) : me.read_seq;
  return { ...me, read_seq: readSeq };
}

/**
 * A message of an event, which does not say what is the person's own: that is kept.
 *
 * @param {Message} message
 * @param {MessageView | null | undefined} known
 * @returns {MessageView}
 */
export function viewed(message, known) {
  if ("liked_by_me" in message) return /** @type {MessageView} */ (message);
  const same = known?.seq === message.seq ? known : undefined;
  const mine = new Set(same?.reactions.filter((one) => one.mine).map((one) => one.emoji));
  const reactions = message.reactions.map((one) => ({ ...one, mine: mine.has(one.emoji) }));
  return /** @type {MessageView} */ ({ ...message, liked_by_me: message.like_count > 0 && (same?.liked_by_me ?? false), reactions });
}
