// A client of Molva for tests, on nothing but fetch and the official socket.io-client.
//
// It promises: every event is kept in the order in which it came; every wait ends within a deadline and says what it
// waited for. Whatever a test wants to do is an action: `client.send("chat:list", {})`.

import { io } from "socket.io-client";

export const DEADLINE_MS = 10_000;

/** An error ack. */
export class ActionFailed extends Error {
  constructor(action, error) {
    super(`${action}: ${JSON.stringify(error)}`);
    this.name = "ActionFailed";
    this.code = error.code;
    this.reason = error.details?.reason;
  }
}

/** POST JSON; the answer's JSON, or an error with the whole problem in it. */
export async function post(address, path, payload, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(address + path, {
    method: "POST",
    headers,
    body: JSON.stringify(payload),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** Sign in by phone, which registers a new number: the answer of POST /v1/auth/tokens. */
export async function register(address, phone) {
  const { code } = await post(address, "/v1/auth/codes", { phone });
  return post(address, "/v1/auth/tokens", { phone, code, device_name: "socket.io-client" });
}

/** One connection to /chat. `options` are those of `io()`. */
export class Client {
  constructor(address, token, options = {}) {
    this.events = [];
    this.read = 0;
    this.waiters = new Set();
    this.socket = io(`${address}/chat`, {
      auth: { token },
      forceNew: true,
      autoConnect: false,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      ...options,
    });
    this.socket.onAny((name, payload) => {
      this.events.push({ name, payload });
      for (const look of [...this.waiters]) look();
    });
  }

  /** Connect; the payload of `session:ready`. A refusal throws CONNECT_ERROR's error, with its `data`. */
  async connect() {
    const connected = once(this.socket, "connect", "to connect");
    this.socket.connect();
    await connected;
    return this.expect("session:ready");
  }

  /** The name of the transport in use. */
  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Wait until the connection has moved from long-polling to WebSocket. */
  async upgraded() {
    if (this.transport !== "websocket") await once(this.socket.io.engine, "upgrade", "to be upgraded");
  }

  /** Break the transport, as a lost network does, and wait until the client has come back by itself. */
  async reconnect() {
    const back = once(this.socket, "connect", "to reconnect");
    this.socket.io.engine.close();
    await back;
    return this.expect("session:ready");
  }

  /** The raw ack of an action. */
  push(action, payload = {}) {
    return this.socket.timeout(DEADLINE_MS).emitWithAck(action, payload);
  }

  /** An action that succeeds: its data. `ActionFailed` otherwise. */
  async send(action, payload = {}) {
    const ack = await this.push(action, payload);
    if (ack.error) throw new ActionFailed(action, ack.error);
    if (!("data" in ack)) throw new Error(`${action}: neither data nor error in ${JSON.stringify(ack)}`);
    return ack.data;
  }

  /** The next event of this name that matches, from where the last expectation ended: its payload. */
  async expect(name, matches = () => true) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(clock);
        this.waiters.delete(look);
        settle(value);
      };
      const clock = setTimeout(() => {
        const unread = this.events.slice(this.read).map((event) => event.name);
        done(reject, new Error(`no ${name} came within ${DEADLINE_MS} ms; unread: ${unread.join(", ") || "nothing"}`));
      }, DEADLINE_MS);
      const look = () => {
        for (let place = this.read; place < this.events.length; place += 1) {
          const event = this.events[place];
          if (event.name !== name || !matches(event.payload)) continue;
          this.read = place + 1;
          done(resolve, event.payload);
          return;
        }
      };
      this.waiters.add(look);
      look();
    });
  }

  /** The names of all events so far, `chat:updated` with its reason. */
  heard() {
    return this.events.map(({ name, payload }) => (payload?.reason ? `${name} ${payload.reason}` : name));
  }

  close() {
    this.socket.close();
  }
}

/** The next event of a library's emitter; an error event or the deadline rejects. */
function once(emitter, name, purpose) {
  return new Promise((resolve, reject) => {
    const settle = (finish) => (value) => {
      clearTimeout(clock);
      emitter.off(name, succeed);
      emitter.off("connect_error", fail);
      finish(value);
    };
    const succeed = settle(resolve);
    const fail = settle(reject);
    const clock = setTimeout(() => fail(new Error(`waited ${DEADLINE_MS} ms ${purpose}`)), DEADLINE_MS);
    emitter.on(name, succeed);
    emitter.on("connect_error", fail);
  });
}

/** Run a scenario and print what it returns as one line of JSON; a failure goes to stderr with everybody's events. */
export async function run(scenario, clients = []) {
  try {
    console.log(JSON.stringify(await scenario()));
  } catch (error) {
    console.error(error.stack ?? error);
    for (const [place, client] of clients.entries()) {
      console.error(`client ${place} heard:\n  ${client.heard().join("\n  ") || "nothing"}`);
    }
    process.exitCode = 1;
  } finally {
    for (const client of clients) client.close();
  }
}
