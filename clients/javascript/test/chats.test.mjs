import assert from "node:assert/strict";
import { test } from "node:test";
import { Chats } from "../src/chats.js";
import { Journal } from "../src/journal.js";

const ME = "me";
const me = (more) => ({
  title: null, pinned: null, muted_until: null, archived: false, read_seq: 0, unread_count: 0, unread_mentions: 0, first_seq: 1,
  role: "member", joined_at: "2026-01-01T00:00:00.000Z", ...more,
});
const chat = (more) => ({
  id: "c", type: "group", title: "Hike", description: null, avatar: null, creator_id: "x", member_count: 2, message_count: 1,
  last_message: null, pinned_seqs: [], metadata: {}, created_at: "2026-01-01T00:00:00.000Z", updated_at: "2026-01-01T00:00:00.000Z",
  version: 1, peer: null, others_read_seq: 0, me: me(), ...more,
});
const shared = ({ me: _, peer: __, others_read_seq: ___, ...event }) => event;
const said = (seq, more) => ({
  chat_id: "c", seq, sender_id: "x", type: "text", content: { text: "hello" }, reply_to: null, mentions: [], forwarded_from: null,
  client_id: null, created_at: "", edited_at: null, deleted_at: null, like_count: 0, reactions: [], metadata: null, version: seq, ...more,
});
function store() {
  const doubts = [];
  return Object.assign(new Chats({ me: () => ME, onDoubt: (id) => doubts.push(id), onChanged: () => {} }), { doubts });
}

test("an event to all keeps what is mine, and counts one more unread message and mention", () => {
  const chats = store();
  chats.take(chat({ me: me({ read_seq: 1, title: "my name" }) }));
  const last = said(2, { mentions: [ME] });
  chats.hear(shared(chat({ version: 2, message_count: 2, last_message: last })), "message");
  const held = chats.get("c");
  assert.deepEqual([held.me.title, held.me.unread_count, held.me.unread_mentions], ["my name", 1, 1]);
  assert.deepEqual(chats.unread.get(), { chats: 1, messages: 1, mentions: 1 });
  chats.hear(shared(chat({ version: 2, message_count: 2, last_message: last })), "message");
  assert.equal(chats.get("c"), held, "the same again changes nothing");
  assert.deepEqual(chats.doubts, []);
});

test("writing reads, an older state replaces nothing, and the read mark never moves back", () => {
  const chats = store();
  chats.take(chat({ version: 5, message_count: 5, me: me({ read_seq: 1 }) }));
  chats.hear(shared(chat({ version: 6, message_count: 6, last_message: said(6, { sender_id: ME }) })), "message");
  assert.deepEqual([chats.get("c").me.read_seq, chats.get("c").me.unread_count], [6, 0]);
  chats.hear(shared(chat({ version: 4, message_count: 4, title: "old" })), "updated");
  assert.deepEqual([chats.get("c").title, chats.get("c").message_count], ["Hike", 6]);
  chats.hear(chat({ version: 4, message_count: 4, me: me({ read_seq: 2, pinned: 1 }) }), "pinned");
  assert.deepEqual([chats.get("c").me.pinned, chats.get("c").me.read_seq, chats.get("c").version], [1, 6, 6]);
});

test("who left and came back begins a new count", () => {
  const chats = store();
  chats.take(chat({ version: 5, message_count: 5, me: me({ read_seq: 5 }) }));
  chats.take(chat({ version: 9, message_count: 8, me: me({ read_seq: 2, joined_at: "2026-02-01T00:00:00.000Z" }) }));
  assert.equal(chats.get("c").me.unread_count, 6);
});

test("several messages at once leave the mentions in doubt", () => {
  const chats = store();
  chats.take(chat());
  chats.hear(shared(chat({ version: 4, message_count: 4, last_message: said(4) })), "reconciled");
  assert.deepEqual(chats.doubts, ["c"]);
});

test("what may not be seen does not come back with an event", () => {
  const chats = store();
  chats.take(chat({ message_count: 3, version: 3, me: me({ read_seq: 3, first_seq: 4 }) }));
  chats.hear(shared(chat({ message_count: 3, version: 4, pinned_seqs: [2], last_message: said(3) })), "edited");
  assert.deepEqual([chats.get("c").last_message, chats.get("c").pinned_seqs], [null, []]);
});

test("pinned chats come first, archived and muted ones do not count", () => {
  const chats = store();
  const at = (day) => `2026-01-0${day}T00:00:00.000Z`;
  chats.take(chat({ id: "old", updated_at: at(1) }));
  chats.take(chat({ id: "new", updated_at: at(3), me: me({ muted_until: "2999-01-01T00:00:00.000Z" }) }));
  chats.take(chat({ id: "second", updated_at: at(2), me: me({ pinned: 2, read_seq: 1 }) }));
  chats.take(chat({ id: "first", updated_at: at(1), me: me({ pinned: 1, read_seq: 1 }) }));
  chats.take(chat({ id: "away", me: me({ archived: true }) }));
  assert.deepEqual(chats.list.get().map(({ id }) => id), ["first", "second", "new", "old"]);
  assert.deepEqual(chats.archived.get().map(({ id }) => id), ["away"]);
  assert.deepEqual(chats.unread.get(), { chats: 1, messages: 1, mentions: 0 });
});

test("a journal keeps what came since, and nothing when nobody asks", () => {
  const journal = new Journal();
  journal.add("before");
  const first = journal.begin();
  journal.add("one");
  const second = journal.begin();
  journal.add("two");
  assert.deepEqual([journal.since(first), journal.since(second)], [["one", "two"], ["two"]]);
  journal.end(first);
  assert.deepEqual(journal.since(second), ["two"]);
  journal.end(second);
  const third = journal.begin();
  assert.deepEqual(journal.since(third), []);
});
