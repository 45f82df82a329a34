// What the scenarios of molva-client share: people, waiting, and comparing a client with what a fresh one is told.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { Molva } from "../../../clients/javascript/src/index.js";

export const DEADLINE_MS = 15_000;

/** Wait until it holds; it may throw meanwhile. A failing test alone waits until the deadline. */
export async function until(condition, what = condition) {
  const end = Date.now() + DEADLINE_MS;
  for (let fault = ""; ; ) {
    try {
      const met = await condition();
      if (met) return met;
    } catch (error) {
      fault = error.message;
    }
    if (Date.now() > end) throw new Error(`did not come true: ${what} ${fault}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client that reconnects at once; errors that nobody awaits are gathered. */
export function client(url, options = {}) {
  const faults = [];
  const molva = new Molva({ url, io, backoff: { least: 20, most: 200 }, onError: (error) => faults.push(error), ...options });
  return Object.assign(molva, { faults });
}

export const newPhone = () => `+4915${String(Math.floor(Math.random() * 1e9)).padStart(9, "0")}`;

/** Somebody new, signed in and online. */
export async function person(url, displayName, options) {
  const molva = client(url, options);
  const phone = newPhone();
  const { verificationId, code } = await molva.requestCode(phone);
  await molva.signIn({ phone, code, verificationId, displayName });
  await molva.connect();
  return Object.assign(molva, { phone });
}

export const idOf = (molva) => molva.state.get().me.id;
export const text = (words) => ({ type: "text", content: { text: words } });
export const texts = (open) => open.messages.get().map((message) => message.content?.text ?? message.content?.event ?? null);

/** The connection breaks, as a lost network does it. */
export const cut = (molva) => molva.connection.breakOff();

const unsigned = (value) => JSON.parse(JSON.stringify(value, (name, one) => (/url$|^thumbnail$/.test(name) ? undefined : one)));

/** A chat without what is kept true in open chats alone. */
function listed({ version: _, others_read_seq: __, last_message, peer, ...chat }) {
  const last = last_message && (({ like_count: _, liked_by_me: __, reactions: ___, version: ____, ...rest }) => rest)(last_message);
  return unsigned({ ...chat, peer: peer?.id ?? null, last_message: last });
}

/** Fails unless the client knows what a fresh client of the same person is told. */
export async function compare(molva, opened) {
  const fresh = client(molva.wire.url);
  try {
    await fresh.signInWithTokens({ access_token: molva.account.tokens.access });
    await fresh.connect();
    assert.equal(molva.outbox.size, 0);
    for (const list of ["chats", "archived"])
      assert.deepEqual(molva[list].get().map(listed), fresh[list].get().map(listed), `${list} of ${molva.state.get().me.display_name}`);
    assert.deepEqual(molva.unread.get(), fresh.unread.get());
    for (const open of opened) await compareMessages(molva, fresh, open);
  } finally {
    fresh.close();
  }
}

async function compareMessages(molva, fresh, open) {
  const chat = fresh.chat(open.chatId).get();
  const shown = open.messages.get().map(({ pending, mine, ticks, ...message }) => (assert.equal(pending, null), message));
  if (!chat) return assert.deepEqual(shown, []);
  const others = fresh.open(open.chatId);
  await others.ready;
  while (others.hasOlder.get() && others.messages.get()[0].seq > (shown[0]?.seq ?? Infinity)) await others.loadOlder();
  const told = others.messages.get().map(({ pending, mine, ticks, ...message }) => message);
  const first = shown[0]?.seq ?? 0;
  const last = open.hasNewer.get() ? shown.at(-1).seq : Infinity;
  const window = `messages of ${chat.id}: held ${shown.map((one) => one.seq)}, of ${chat.me.first_seq} to ${chat.message_count}`;
  assert.deepEqual(shown.map((one) => one.seq), told.map((one) => one.seq).filter((seq) => seq >= first && seq <= last), window);
  assert.deepEqual(unsigned(shown), unsigned(told.filter((one) => one.seq >= first && one.seq <= last)), `messages of ${chat.id}`);
  assert.equal(open.hasOlder.get(), first > chat.me.first_seq);
  assert.equal(molva.chat(open.chatId).get().version, chat.version);
  assert.equal(molva.chat(open.chatId).get().others_read_seq, chat.others_read_seq);
  others.close();
}
