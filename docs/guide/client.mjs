// A complete client: stays connected, keeps its chats and messages true, stores each message once.
import { io } from "socket.io-client";
const RETRY_MS = 1000;
const FINAL = new Set(["validation_failed", "not_found", "forbidden", "conflict", "payload_too_large"]);
const quietly = (promise) => promise.catch(() => {}); // whatever failed is tried again after the next session:ready

export class Molva {
  chats = new Map(); // chat id → chat
  messages = new Map(); // chat id → Map(seq → message), for the chats that were opened
  versions = new Map(); // chat id → the version that its messages are at
  outbox = new Map(); // client_id → what is not acked yet; a real client keeps it on disk
  cursor = null;
  constructor(url, tokens) {
    Object.assign(this, { url, tokens });
    this.socket = io(`${url}/chat`, { auth: (give) => give({ token: this.tokens.access_token }) });
    this.socket.on("session:ready", () => quietly(this.catchUp()));
    this.socket.on("session:expiring", () =>
      quietly(this.refresh().then(() => this.call("session:refresh", { token: this.tokens.access_token }))));
    this.socket.on("session:revoked", ({ reason }) => (this.isOver = reason !== "token_expired"));
    this.socket.on("connect_error", (error) => error.data && this.signInAgain(error.data.code));
    this.socket.on("disconnect", (why) => why === "io server disconnect" && this.signInAgain("token_expired"));
    this.socket.on("chat:updated", ({ chat }) => this.keepChat(chat));
    this.socket.on("chat:removed", ({ chat_id }) => this.drop(chat_id));
    for (const name of ["message:created", "message:updated"]) this.socket.on(name, ({ message }) => this.keepMessage(message));
    this.socket.on("message:liked", ({ chat_id }) => quietly(this.fetchChanges(chat_id)));
  }

  async call(action, payload = {}) {
    const { data, error } = await this.socket.timeout(5000).emitWithAck(action, payload);
    if (error) throw Object.assign(new Error(error.message), error);
    return data;
  }
  async refresh() {
    const body = JSON.stringify({ refresh_token: this.tokens.refresh_token });
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    const answer = await fetch(`${this.url}/v1/auth/tokens/refresh`, options);
    this.isOver = answer.status === 401; // the login session has ended: sign in by phone again
    if (!answer.ok) throw new Error(`refresh answered ${answer.status}`);
    this.tokens = await answer.json();
  }
  async signInAgain(code) {
    if (code === "token_expired") await quietly(this.refresh());
    else if (code !== "unavailable" && code !== "rate_limited") this.isOver = true;
    if (!this.isOver) setTimeout(() => this.socket.connect(), RETRY_MS);
  }

  async catchUp() {
    for (let more = true; more; ) {
      const page = await this.call("session:sync", this.cursor ? { cursor: this.cursor } : {});
      page.chats.forEach((chat) => this.chats.set(chat.id, chat));
      page.removed_chat_ids.forEach((id) => this.drop(id));
      [this.cursor, more] = [page.cursor, page.has_more];
    }
    for (const id of this.messages.keys()) await this.fetchChanges(id);
    for (const message of [...this.outbox.values()]) await this.deliver(message);
  }

  keepChat(chat) { // an event to all has no me and no peer: keep ours; an older state replaces nothing
    const mine = this.chats.get(chat.id);
    this.chats.set(chat.id, mine && chat.version < mine.version ? { ...mine, me: chat.me ?? mine.me } : { ...mine, ...chat });
  }
  keepMessage(message) {
    const version = this.versions.get(message.chat_id);
    if (message.version > version + 1) return quietly(this.fetchChanges(message.chat_id)); // a gap
    this.messages.get(message.chat_id)?.set(message.seq, message);
    if (message.version > version) this.versions.set(message.chat_id, message.version);
  }
  drop(id) { for (const kept of [this.chats, this.messages, this.versions]) kept.delete(id); }

  async open(id) { // put the chat on the screen: its newest page, and from now on what changes
    const { chat } = await this.call("chat:activate", { chat_id: id });
    const { messages } = await this.call("message:list", { chat_id: id });
    this.messages.set(id, new Map(messages.map((message) => [message.seq, message])));
    this.versions.set(id, chat.version);
    await this.fetchChanges(id);
  }

  async fetchChanges(id) {
    for (let more = this.messages.has(id); more; ) {
      const page = await this.call("message:changes", { chat_id: id, version: this.versions.get(id) });
      page.messages.forEach((message) => this.messages.get(id)?.set(message.seq, message));
      this.versions.set(id, Math.max(page.version, this.versions.get(id)));
      more = page.has_more;
    }
  }

  async send(chat_id, text) { // in the outbox until it is acked, whatever happens meanwhile
    const message = { chat_id, client_id: crypto.randomUUID(), type: "text", content: { text } };
    this.outbox.set(message.client_id, message);
    if (this.socket.connected) await this.deliver(message);
  }
  async deliver(message) { // always with the same client_id: however often it arrives, it is stored once
    const isDone = await this.call("message:send", message).then(() => true, (error) => FINAL.has(error.code));
    if (isDone) this.outbox.delete(message.client_id);
    else if (this.socket.connected) setTimeout(() => this.deliver(message), RETRY_MS);
  }
}
