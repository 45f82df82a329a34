// A chat list and an open chat: names, pictures, unread counts, ticks, reactions, images. There is no request for any single
// person: answers with messages have `users`, and `message:created` has its `sender`. Only `chat:updated` can name strangers, in chats that are not
// open: they are looked up together. Each tab has a connection and an open chat of its own.
//
// `molva.ts` is /docs/types.ts of the server. The test run compiles this page in strict TypeScript, without a cast.
import { io, type Socket } from "socket.io-client";
import type {
  Ack, Avatar, ChatPage, ChatView, ClientToServerEvents, EventChat, Message, MessageView, Reaction, ReactionView, RestCalls,
  ServerToClientEvents, User,
} from "./molva.js";

export interface Row { id: string; title: string; picture: string | null; line: string; unread: number; mentioned: boolean }
export interface Bubble {
  seq: number; from: string; text: string; mine: boolean; ticks: "" | "sent" | "read"; likes: number;
  reactions: string; image: string | null;
}

export class ChatScreen {
  private readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  private readonly chats = new Map<string, ChatView>();
  private readonly users = new Map<string, User>();
  private readonly messages = new Map<number, MessageView>(); // of the open chat
  private me = "";
  private openChatId: string | null = null;
  private readonly asked = new Set<string>(); // people who were looked up
  private unknown: string[] = []; // people to look up
  private early: { chatId: string; version: number; change: () => void }[] | null = null; // what came while the list is loaded

  constructor(private readonly url: string, private readonly token: () => string, private readonly draw: (screen: ChatScreen) => void) {
    this.socket = io(`${url}/chat`, { auth: (give) => give({ token: token() }) });
    this.socket.on("session:ready", async ({ user, active_chat_id }) => {
      this.me = user.id;
      this.keep({ [user.id]: user });
      await this.loadList();
      if (active_chat_id) await this.open(active_chat_id);
    });
    this.socket.on("chat:updated", ({ chat }) => this.onceListed(chat.id, chat.version, () => this.putChat(chat)));
    this.socket.on("chat:removed", ({ chat_id }) => this.onceListed(chat_id, Infinity, () => {
      this.chats.delete(chat_id);
      if (chat_id === this.openChatId) this.openChatId = null;
    }));
    this.socket.on("message:created", ({ message, sender }) => this.changed(() => {
      this.keep({ [sender.id]: { ...sender, last_seen_at: this.users.get(sender.id)?.last_seen_at ?? null } });
      this.putMessage(message);
      if (message.chat_id === this.openChatId) void this.read(message.chat_id, message.seq);
    }));
    this.socket.on("message:updated", ({ message }) => this.changed(() => this.putMessage(message)));
    this.socket.on("message:liked", ({ chat_id, seq, user_id, liked, like_count }) => this.changed(() => {
      const held = chat_id === this.openChatId ? this.messages.get(seq) : undefined;
      if (held) this.messages.set(seq, { ...held, like_count, liked_by_me: user_id === this.me ? liked : held.liked_by_me });
    }));
    this.socket.on("message:reacted", ({ chat_id, seq, user_id, emoji, added, reactions }) => this.changed(() => {
      const held = chat_id === this.openChatId ? this.messages.get(seq) : undefined;
      if (!held) return;
      const mine = withMine(reactions, held.reactions);
      if (user_id === this.me) for (const one of mine) if (one.emoji === emoji) one.mine = added;
      this.messages.set(seq, { ...held, reactions: mine });
    }));
    this.socket.on("chat:read", ({ chat_id, user_id, read_seq }) => this.changed(() => {
      const chat = this.chats.get(chat_id);
      if (chat && user_id !== this.me) chat.others_read_seq = Math.max(chat.others_read_seq, read_seq);
    }));
    this.socket.on("user:updated", ({ user }) => this.changed(() => this.keep({ [user.id]: user })));
  }

  // --- what to show

  rows(): Row[] {
    const last = Number.MAX_SAFE_INTEGER;
    const order = (a: ChatView, b: ChatView) =>
      (a.me.pinned ?? last) - (b.me.pinned ?? last) || b.updated_at.localeCompare(a.updated_at);
    return [...this.chats.values()].sort(order).map((chat) => {
      const peer = chat.peer && (this.users.get(chat.peer.id) ?? chat.peer);
      return {
        id: chat.id,
        title: chat.me.title ?? chat.title ?? peer?.display_name ?? "",
        picture: this.picture(chat.avatar ?? peer?.avatar ?? null),
        line: chat.last_message ? this.words(chat.last_message) : "",
        unread: chat.me.unread_count,
        mentioned: chat.me.unread_mentions > 0,
      };
    });
  }

  bubbles(): Bubble[] {
    const readSeq = (this.openChatId && this.chats.get(this.openChatId)?.others_read_seq) || 0;
    return [...this.messages.values()].sort((a, b) => a.seq - b.seq).map((message) => {
      const mine = message.sender_id === this.me && message.type !== "system";
      const ticks = !mine ? "" : message.seq <= readSeq ? "read" : "sent";
      return {
        seq: message.seq,
        from: this.name(message.sender_id),
        text: this.words(message),
        mine,
        ticks,
        likes: message.like_count,
        reactions: message.reactions.map(({ emoji, count, mine }) => `${emoji}${count}${mine ? "*" : ""}`).join(" "),
        // Signed: an <img> needs no header. It ends after some hours; `file:url` makes a fresh one.
        image: message.type === "image" && message.content ? this.url + (message.content.thumbnail_url ?? message.content.url) : null,
      };
    });
  }

  private name(userId: string): string {
    const user = this.users.get(userId);
    if (!user && !this.asked.has(userId)) {
      this.asked.add(userId);
      if (this.unknown.push(userId) === 1) setTimeout(() => void this.lookUp(), 50); // all that are met meanwhile, at once
    }
    return user?.display_name ?? "";
  }

  private async lookUp(): Promise<void> {
    const ids = this.unknown.splice(0, 100).join(",");
    const headers = { Authorization: `Bearer ${this.token()}` };
    const response = await fetch(`${this.url}/v1/users?ids=${ids}`, { headers });
    if (!response.ok) return;
    const { users }: RestCalls["GET /v1/users"]["answer"] = await response.json();
    this.changed(() => users.forEach((user) => this.users.set(user.id, user)));
  }

  private picture(avatar: Avatar | null): string | null {
    return avatar && this.url + avatar["100"];
  }

  private words(message: Message): string {
    if (message.deleted_at) return "This message was deleted";
    switch (message.type) { // `content` is what the type says
      case "text": return message.content?.text ?? "";
      case "location": return message.content?.title ?? "A place";
      case "contact": return message.content?.name ?? "";
      case "image": case "video": case "audio": case "file": return message.content?.caption ?? message.content?.name ?? "";
      case "system": return this.story(message);
    }
  }

  private story({ sender_id, content }: Extract<Message, { type: "system" }>): string {
    switch (content?.event) {
      case "group_created": case "became_group": return `${this.name(content.user_id)} opened the group ${content.title}`;
      case "member_added": return `${this.name(sender_id)} added ${this.name(content.user_id)}`;
      case "member_removed": return `${this.name(sender_id)} removed ${this.name(content.user_id)}`;
      case "title_changed": return `${this.name(sender_id)} named the group ${content.title}`;
      case "avatar_changed": return `${this.name(sender_id)} changed the picture`;
      case "message_pinned": return `${this.name(sender_id)} pinned a message`;
      case "member_left": return `${this.name(content.user_id)} left`;
      default: return ""; // of a newer server
    }
  }

  // --- what the person does

  async open(chatId: string): Promise<void> {
    await this.socket.emitWithAck("chat:activate", { chat_id: chatId }); // of this tab alone
    const { data } = await this.socket.emitWithAck("message:list", { chat_id: chatId });
    if (!data) return;
    this.changed(() => {
      this.openChatId = chatId;
      this.messages.clear();
      this.keep(data.users);
      for (const message of data.messages) this.messages.set(message.seq, message);
    });
    const newest = data.messages.at(-1);
    if (newest) await this.read(chatId, newest.seq);
  }

  private async read(chatId: string, seq: number): Promise<void> {
    await this.socket.emitWithAck("message:read", { chat_id: chatId, seq });
  }

  async react(seq: number, emoji: string): Promise<void> {
    if (this.openChatId) await this.socket.emitWithAck("message:react", { chat_id: this.openChatId, seq, emoji });
  }

  async say(text: string): Promise<string | null> {
    if (!this.openChatId) return null;
    const { error } = await this.socket.emitWithAck("message:send", {
      chat_id: this.openChatId, client_id: crypto.randomUUID(), type: "text", content: { text },
    });
    if (error?.code === "conflict" && error.details.reason === "you_blocked_user") return "Unblock them to write to them.";
    return error?.message ?? null;
  }

  // --- what the server says

  private async loadList(): Promise<void> {
    this.chats.clear();
    this.early = [];
    for (let cursor: string | null = null, isFirst = true; isFirst || cursor; isFirst = false) {
      const answer: Ack<ChatPage> = await this.socket.emitWithAck("chat:list", cursor ? { limit: 100, cursor } : { limit: 100 });
      if (!answer.data) break;
      const page: ChatPage = answer.data;
      this.changed(() => {
        this.keep(page.users);
        for (const chat of page.chats) this.chats.set(chat.id, chat);
      });
      cursor = page.next_cursor;
    }
    const early = this.early;
    this.early = null;
    const isNewer = ({ chatId, version }: { chatId: string; version: number }) => version >= (this.chats.get(chatId)?.version ?? 0);
    for (const event of early) if (isNewer(event)) this.changed(event.change);
  }

  // The list may be older than an event that overtook it: such events wait.
  private onceListed(chatId: string, version: number, change: () => void): void {
    if (this.early) this.early.push({ chatId, version, change });
    else this.changed(change);
  }

  private keep(users: Record<string, User>): void {
    for (const user of Object.values(users)) this.users.set(user.id, user);
  }

  private putChat(chat: EventChat): void {
    const known = this.chats.get(chat.id);
    const me = chat.me ?? known?.me;
    if (!me || (known && !chat.me && chat.version < known.version)) return;
    const read = chat.last_message?.sender_id === this.me ? chat.message_count : me.read_seq; // writing reads
    const isMention = !chat.me && known && chat.message_count > known.message_count && chat.last_message?.mentions.includes(this.me);
    const mentions = read === chat.message_count ? 0 : me.unread_mentions + (isMention ? 1 : 0);
    this.chats.set(chat.id, {
      ...chat,
      peer: chat.peer ?? known?.peer ?? null,
      last_message: chat.last_message && { ...chat.last_message, liked_by_me: false, reactions: withMine(chat.last_message.reactions) },
      others_read_seq: chat.others_read_seq ?? known?.others_read_seq ?? 0,
      me: { ...me, read_seq: read, unread_count: chat.message_count - read, unread_mentions: mentions },
    });
  }

  private putMessage(message: Message): void {
    if (message.chat_id !== this.openChatId) return;
    const held = this.messages.get(message.seq);
    const reactions = withMine(message.reactions, held?.reactions);
    this.messages.set(message.seq, { ...message, liked_by_me: held?.liked_by_me ?? false, reactions });
  }

  private changed(change: () => void): void {
    change();
    this.draw(this);
  }
}

// Events say who reacted last, and not which reactions are mine: that is kept.
function withMine(reactions: readonly Reaction[], known: readonly ReactionView[] = []): ReactionView[] {
  const mine = new Set(known.filter((one) => one.mine).map((one) => one.emoji));
  return reactions.map((one) => ({ ...one, mine: mine.has(one.emoji) }));
}
