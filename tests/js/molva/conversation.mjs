// Two people converse: sending, ticks, unread counts, likes, reactions, edits, refusals, typing, presence, files, paging.
import assert from "node:assert/strict";
import { ConflictError, NotFoundError } from "../../../clients/javascript/src/index.js";
import { compare, idOf, person, text, texts, until } from "./helping.mjs";

const [url] = process.argv.slice(2);
const wire = [];
const [anna, boris] = await Promise.all([person(url, "Anna", { trace: (entry) => wire.push(entry) }), person(url, "Boris")]);
const { chat } = await anna.action("chat:create_private", { user_id: idOf(boris) });
const id = chat.id;
await until(() => boris.chats.get().length === 1);
assert.equal(boris.title(boris.chats.get()[0]), "Anna");

// Before he opens the chat: counts without asking.
const calls = [];
boris.wire.trace = (entry) => entry.direction === "action" && calls.push(entry.name);
const shown = [];
boris.unread.subscribe((unread) => shown.push(unread));
await anna.send(id, { ...text("hello"), mentions: [idOf(boris)] }).done;
await until(() => boris.unread.get().mentions === 1);
assert.deepEqual(boris.unread.get(), { chats: 1, messages: 1, mentions: 1 });
assert.deepEqual(shown, [{ chats: 1, messages: 1, mentions: 1 }]);
assert.deepEqual(calls, []);

// A message is there at once, and goes from pending to sent to read.
const [a, b] = [anna.open(id), boris.open(id)];
await Promise.all([a.ready, b.ready]);
const { clientId, done } = anna.send(id, text("how are you?"));
const pending = a.messages.get().at(-1);
assert.deepEqual([pending.seq, pending.ticks, pending.pending.clientId], [Infinity, "pending", clientId]);
assert.equal((await done).seq, 2);
assert.deepEqual(a.messages.get().map(({ ticks }) => ticks), ["sent", "sent"]);
await until(() => b.messages.get().length === 2);
boris.read(id, 2);
assert.equal(boris.chat(id).get().me.unread_count, 0);
await until(() => a.messages.get().every(({ ticks }) => ticks === "read"));

// What did not change keeps its identity, and nobody is called back for it.
const [first] = a.messages.get();
let callbacks = 0;
const end = anna.chat(id).subscribe(() => callbacks++);
await boris.like(id, 2, true);
await boris.react(id, 2, "👍", true);
await until(() => a.messages.get()[1].like_count === 1 && a.messages.get()[1].reactions[0]?.count === 1);
assert.equal(a.messages.get()[0], first);
assert.deepEqual([b.messages.get()[1].liked_by_me, b.messages.get()[1].reactions[0].mine], [true, true]);
assert.deepEqual([a.messages.get()[1].liked_by_me, a.messages.get()[1].reactions[0].mine], [false, false]);
end();

// Shown before it is done; undone when it is refused.
const editing = anna.edit(id, 2, { text: "how do you do?" });
assert.equal(texts(a).at(-1), "how do you do?");
await editing;
await until(() => texts(b).at(-1) === "how do you do?");
const refused = boris.edit(id, 2, { text: "not mine" });
assert.equal(texts(b).at(-1), "not mine");
await assert.rejects(refused, { code: "forbidden" });
assert.equal(texts(b).at(-1), "how do you do?");
await assert.rejects(anna.action("chat:get", { chat_id: crypto.randomUUID() }), (error) => error instanceof NotFoundError && error.field === "chat_id");
await assert.rejects(anna.action("chat:rename", { chat_id: id, title: "x" }), (error) => error instanceof ConflictError && error.reason === "not_a_group");

// A refused message stays, with its error, until it is discarded.
const long = anna.send(id, text("x".repeat(5000)));
await assert.rejects(long.done, { code: "validation_failed" });
const { pending: kept } = a.messages.get().at(-1);
assert.deepEqual([kept.status, kept.error.code], ["refused", "validation_failed"]);
kept.discard();
assert.equal(a.messages.get().length, 2);

// Typing and presence.
boris.setTyping(id);
await until(() => anna.typing(id).get().includes(idOf(boris)));
await boris.send(id, text("fine")).done;
await until(() => anna.typing(id).get().length === 0);
const presence = [];
const leave = anna.presence(idOf(boris)).subscribe((value) => presence.push(value?.online));
await until(() => presence.includes(true));
leave();

// A file: progress, the message before it is stored, fresh signed URLs, calling off.
const shares = [];
const sent = await anna.sendFile(id, new Blob(["hello"], { type: "text/plain" }), { name: "hello.txt", onProgress: (share) => shares.push(share) });
assert.equal(a.messages.get().at(-1).content.name, "hello.txt");
const stored = await sent.done;
assert.equal(shares.at(-1), 1);
const { url: signed } = await boris.fileUrl(stored.content.file_id);
assert.equal(await (await fetch(signed)).text(), "hello");
const before = a.messages.get().at(-1);
await anna.refreshMedia(id, stored.seq);
assert.equal(a.messages.get().at(-1).content.url, (await anna.action("file:url", { file_id: before.content.file_id })).url);
const controller = new AbortController();
controller.abort();
await assert.rejects(anna.upload(new Blob(["no"]), { signal: controller.signal }));

// Paging both ways, and jumps.
for (let count = 0; count < 150; count++) anna.send(id, text(`line ${count}`));
await until(() => anna.outbox.size === 0 && b.messages.get().at(-1).seq === 154);
b.close();
const page = boris.open(id);
await page.ready;
assert.deepEqual([page.messages.get().length, page.hasOlder.get(), page.hasNewer.get()], [50, true, false]);
await page.loadOlder();
assert.deepEqual([page.messages.get()[0].seq, page.messages.get().length], [55, 100]);
await page.jumpTo(40);
assert.ok(page.hasOlder.get() && page.hasNewer.get());
const seqs = () => page.messages.get().map(({ seq }) => seq);
assert.ok(seqs().includes(40));
while (page.hasNewer.get()) await page.loadNewer();
assert.deepEqual(seqs(), Array.from({ length: 154 - seqs()[0] + 1 }, (_, place) => seqs()[0] + place));
await page.jumpTo(1);
await anna.send(id, text("the newest")).done;
await until(() => boris.chat(id).get().message_count === 155);
assert.ok(!seqs().includes(155));
await page.jumpToNewest();
assert.equal(seqs().at(-1), 155);

// Gone and back.
await compare(anna, [a]);
await compare(boris, [page]);
const { chat: group } = await anna.action("chat:create_group", { title: "Hike", member_ids: [idOf(boris)] });
await until(() => boris.chats.get().some((one) => one.id === group.id));
const open = boris.open(group.id);
await open.ready;
await anna.action("member:remove", { chat_id: group.id, user_id: idOf(boris) });
await until(() => boris.chat(group.id).get() === null && open.messages.get().length === 0);
await anna.action("member:add", { chat_id: group.id, user_ids: [idOf(boris)] });
await until(() => open.messages.get().length === 3);
await anna.send(group.id, text("welcome back")).done;
await until(() => texts(open).at(-1) === "welcome back");

// No secret is in the record of the wire; ended elsewhere means signed out.
assert.ok(wire.some((entry) => entry.direction === "rest") && wire.some((entry) => entry.direction === "event"));
assert.ok(!JSON.stringify(wire).includes(anna.account.tokens.access));
await anna.request("DELETE", `/v1/auth/sessions/${anna.state.get().sessionId}`);
await until(() => anna.state.get().status === "signed_out");
assert.equal(anna.chats.get().length, 0);
await boris.signOut();
assert.deepEqual([boris.state.get().status, boris.state.get().me], ["signed_out", null]);
assert.deepEqual([anna.faults, boris.faults], [[], []]);
anna.close();
boris.close();
console.log(JSON.stringify({ ok: true }));
