// Three people on four devices do a thousand things at random while their connections break; afterwards each device knows
// what a fresh client is told. The seed is printed, and makes the same choices again.
import { client, compare, cut, idOf, person, text, until } from "./helping.mjs";

const [url, actions, given] = process.argv.slice(2);
const seed = Number(given ?? Math.floor(Math.random() * 2 ** 31));
console.error(`seed ${seed}`);
let state = seed;
const random = () => {
  state = (state + 0x6d2b79f5) | 0; // mulberry32
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];

const people = await Promise.all(["Anna", "Boris", "Clara"].map((name) => person(url, name)));
const [anna, boris, clara] = people;
const second = client(url);
await second.signInWithTokens({ access_token: anna.account.tokens.access });
await second.connect();
const devices = [...people, second].map((molva) => ({ molva, opened: [] }));
const pair = (await anna.action("chat:create_private", { user_id: idOf(boris) })).chat.id;
const groups = await Promise.all(["Hike", "Work"].map(async (title) =>
  (await anna.action("chat:create_group", { title, member_ids: [idOf(boris), idOf(clara)] })).chat.id));

const counts = {};
const running = new Map();
const refusals = new Set(["not_found", "forbidden", "conflict", "validation_failed", "aborted", "offline"]);
/** What may be refused, since somebody else was faster. */
function perform(name, promise) {
  counts[name] = (counts[name] ?? 0) + 1;
  const one = Promise.resolve(promise).catch((error) => {
    if (!refusals.has(error.code)) throw error;
  });
  running.set(one, name);
  void one.finally(() => running.delete(one)).catch(() => {});
}

const messageOf = ({ opened }, isWanted) => {
  const open = opened.length ? pick(opened) : null;
  const found = open?.messages.get().filter((one) => !one.pending && !one.deleted_at && one.type === "text" && isWanted(one));
  return found?.length ? pick(found) : null;
};
const some = (device) => pick(device.molva.chats.get())?.id ?? pair;
const onMessage = (isWanted, act) => (device) => {
  const message = messageOf(device, isWanted);
  return message && act(device.molva, message);
};
/** What is refused is thrown away, as a person would. */
async function send(molva, chatId, draft) {
  const { clientId, done } = molva.send(chatId, draft);
  await done.finally(() => molva.outbox.discard(clientId));
}
const does = {
  send: [24, (device) => send(device.molva, some(device), text(`words ${random()}`))],
  mention: [3, ({ molva }) => send(molva, pick(groups), { ...text("you"), mentions: [idOf(pick(people))] })],
  edit: [8, onMessage((one) => one.mine, (molva, { chat_id, seq }) => molva.edit(chat_id, seq, { text: `edited ${random()}` }))],
  delete: [3, onMessage((one) => one.mine, (molva, { chat_id, seq }) => molva.deleteMessage(chat_id, seq))],
  like: [8, onMessage(() => true, (molva, { chat_id, seq, liked_by_me }) => molva.like(chat_id, seq, !liked_by_me))],
  react: [8, onMessage(() => true, (molva, { chat_id, seq }) => molva.react(chat_id, seq, pick(["👍", "🎉", "❤️"]), random() < 0.6))],
  read: [8, ({ molva }) => {
    const chat = pick(molva.chats.get());
    return chat && molva.read(chat.id, chat.message_count - Math.floor(random() * 3));
  }],
  open: [6, async (device) => {
    const open = device.molva.open(pick([pair, ...groups]));
    device.opened.push(open);
    if (device.opened.length > 2) device.opened.shift().close();
    await open.ready;
  }],
  older: [4, ({ opened }) => opened.length && pick(opened).loadOlder()],
  newer: [3, ({ opened }) => opened.length && pick(opened).loadNewer()],
  jump: [3, ({ molva, opened }) => {
    const open = opened.length && pick(opened);
    const count = open && molva.chat(open.chatId).get()?.message_count;
    return count && open.jumpTo(1 + Math.floor(random() * count));
  }],
  newest: [4, ({ opened }) => opened.length && pick(opened).jumpToNewest()],
  typing: [1, (device) => device.molva.setTyping(some(device))],
  pin: [3, (device) => device.molva.action(pick(["chat:pin", "chat:unpin"]), { chat_id: some(device) })],
  mute: [2, (device) => device.molva.action("chat:mute", { chat_id: some(device), until: pick([null, "2999-01-01T00:00:00.000Z"]) })],
  archive: [2, (device) => device.molva.action(pick(["chat:archive", "chat:unarchive"]), { chat_id: some(device) })],
  rename: [2, ({ molva }) => molva.action("chat:rename", { chat_id: pick(groups), title: pick([null, "mine"]) })],
  title: [2, ({ molva }) => molva.action("chat:update", { chat_id: pick(groups), title: pick(["Hike", "Work", "Play"]) })],
  role: [1, () => anna.action("member:set_role", { chat_id: pick(groups), user_id: idOf(boris), role: pick(["admin", "member"]) })],
  clear: [1, ({ molva }) => molva.action("chat:clear", { chat_id: pick(groups) })],
  leave: [2, () => clara.action("chat:leave", { chat_id: pick(groups) })],
  remove: [2, () => anna.action("member:remove", { chat_id: pick(groups), user_id: idOf(clara) })],
  add: [6, () => boris.action("member:add", { chat_id: pick(groups), user_ids: [idOf(clara)], history: pick(["all", "none"]) })],
  pinned: [1, onMessage(() => true, (molva, { chat_id, seq }) => molva.action(pick(["message:pin", "message:unpin"]), { chat_id, seq }))],
  cut: [4, ({ molva }) => cut(molva)],
  away: [2, async ({ molva }) => {
    molva.disconnect();
    await new Promise((resolve) => setTimeout(resolve, random() * 60));
    await molva.connect().catch(() => {});
  }],
};
const urn = Object.entries(does).flatMap(([name, [weight]]) => Array(weight).fill(name));

for (let count = 0; count < Number(actions); count++) {
  const name = pick(urn);
  perform(name, does[name][1](pick(devices)));
  if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 6));
  if (running.size > 60) await Promise.race(running.keys());
}
for (const { molva } of devices) await molva.connect();
await until(() => running.size === 0, `done, seed ${seed}`).catch((error) => {
  throw new Error(`${error.message}; still under way: ${[...running.values()].join(", ")}`);
});
for (const { molva, opened } of devices) await until(() => compare(molva, opened).then(() => true), `equal, seed ${seed}`);
for (const { molva } of devices) {
  await molva.replica.save(); // and so does who goes on from what was kept
  const restored = client(url, { storage: molva.storage });
  await restored.restore();
  const kept = restored.chats.get().length;
  await restored.connect();
  if (kept !== restored.chats.get().length) throw new Error("the chats were not kept");
  await until(() => compare(restored, []).then(() => true), `restored, seed ${seed}`);
  restored.close();
}
const faults = devices.flatMap(({ molva }) => molva.faults.map(String));
for (const { molva } of devices) molva.close();
console.log(JSON.stringify({ seed, counts, faults }));
