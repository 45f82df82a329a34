// Every action of the contract once from the official client, and every event that it can cause: what was done, what was heard.
//
//   node everything.mjs ADDRESS PHONE PHONE PHONE

import { Client, post, register, run } from "./client.mjs";

const [address, ...phones] = process.argv.slice(2);
const people = [];

await run(async () => {
  const tokens = await Promise.all(phones.map((phone) => register(address, phone)));
  people.push(...tokens.map(({ access_token }) => new Client(address, access_token)));
  const done = new Set();
  for (const person of people) {
    const { send } = person;
    person.send = (action, payload) => { done.add(action); return send.call(person, action, payload); };
    await person.connect();
  }
  const [anna, boris, clara] = people;
  const [annaId, borisId, claraId] = tokens.map(({ user }) => user.id);
  const text = (chat_id, words) => ({ chat_id, client_id: crypto.randomUUID(), type: "text", content: { text: words } });

  const upload = async (token) => {
    const body = new FormData();
    body.set("file", new Blob(["tent, stove, map"]), "list.txt");
    const answer = await fetch(`${address}/v1/files`, { method: "POST", headers: { Authorization: `Bearer ${token}` }, body });
    return (await answer.json()).id;
  };

  // A private chat: opened, on the screen, talked in.
  await anna.send("user:find", { phones: [phones[1]] });
  const { chat: pair } = await anna.send("chat:create_private", { user_id: borisId });
  await boris.expect("chat:updated", ({ reason }) => reason === "created");
  for (const person of [anna, boris]) await person.send("chat:activate", { chat_id: pair.id });
  await anna.send("chat:watch", { chat_ids: [pair.id] });
  await anna.send("presence:watch", { user_ids: [borisId] });
  await anna.send("chat:typing", { chat_id: pair.id });
  await boris.expect("chat:typing");
  await anna.send("message:send", text(pair.id, "see you at seven"));
  await boris.expect("message:created");
  await boris.send("message:read", { chat_id: pair.id, seq: 1 });
  await anna.expect("chat:read", ({ user_id }) => user_id === borisId);
  await boris.send("message:like", { chat_id: pair.id, seq: 1 });
  await anna.expect("message:liked");
  await boris.send("message:likes", { chat_id: pair.id, seq: 1 });
  await boris.send("message:unlike", { chat_id: pair.id, seq: 1 });
  await anna.send("message:edit", { chat_id: pair.id, seq: 1, content: { text: "see you at eight" } });
  await boris.expect("message:updated");
  const found = await boris.send("message:search", { query: "eight" });
  await anna.send("message:delete", { chat_id: pair.id, seq: 1 });
  await boris.expect("message:updated", ({ message }) => message.deleted_at !== null);
  const changes = await boris.send("message:changes", { chat_id: pair.id, version: 0 });

  // What is one's own about a chat.
  await anna.send("chat:pin", { chat_id: pair.id });
  await anna.send("chat:unpin", { chat_id: pair.id });
  await anna.send("chat:mute", { chat_id: pair.id, until: "2099-01-01T00:00:00Z" });

  // It becomes a group; another is opened, handed over, left, deleted.
  await anna.send("member:add", { chat_id: pair.id, user_ids: [claraId] });
  await clara.expect("chat:updated", ({ reason }) => reason === "member_added");
  await anna.send("member:list", { chat_id: pair.id });
  await anna.send("member:remove", { chat_id: pair.id, user_id: claraId });
  await clara.expect("chat:removed", ({ reason }) => reason === "removed");
  const { chat: group } = await anna.send("chat:create_group", { title: "Hike", member_ids: [borisId, claraId] });
  await boris.send("chat:rename", { chat_id: group.id, title: "Mine" });
  await boris.send("chat:get", { chat_id: group.id });
  await boris.send("message:list", { chat_id: group.id });

  // The group's title, roles and invites; what is done with one message and with the file in it.
  await anna.send("chat:update", { chat_id: group.id, title: "Saturday hike" });
  await anna.send("member:set_role", { chat_id: group.id, user_id: borisId, role: "admin" });
  await clara.send("chat:leave", { chat_id: group.id });
  const { invite: { code } } = await anna.send("invite:create", { chat_id: group.id });
  await anna.send("invite:list", { chat_id: group.id });
  await clara.send("invite:preview", { code });
  await clara.send("invite:accept", { code });
  await anna.send("invite:revoke", { code });
  const { message } = await anna.send("message:send", text(group.id, "bring warm clothes"));
  const at = { chat_id: group.id, seq: message.seq };
  await anna.send("message:pin", at);
  await boris.send("message:pinned", { chat_id: group.id });
  await anna.send("message:unpin", at);
  await boris.send("chat:activate", { chat_id: group.id });
  await anna.send("message:react", { ...at, emoji: "🎉" });
  await boris.expect("message:reacted");
  await boris.send("message:reactions", at);
  await anna.send("message:unreact", { ...at, emoji: "🎉" });
  await anna.send("message:readers", at);
  await anna.send("message:forward", { ...at, to_chat_id: group.id, client_id: crypto.randomUUID() });
  await boris.send("report:create", { ...at, reason: "other" });
  await anna.send("file:url", { file_id: await upload(tokens[0].access_token) });
  await clara.send("chat:archive", { chat_id: group.id });
  await clara.send("chat:unarchive", { chat_id: group.id });
  await clara.send("chat:clear", { chat_id: group.id });
  await anna.send("chat:transfer", { chat_id: group.id, user_id: borisId });
  await anna.send("chat:leave", { chat_id: group.id });
  await boris.send("chat:delete", { chat_id: group.id });
  await clara.expect("chat:removed", ({ reason }) => reason === "deleted");
  await anna.send("user:block", { user_id: claraId });
  await anna.send("user:blocked");
  await anna.send("user:unblock", { user_id: claraId });

  // Another device of Anna's signs in.
  const { user } = await register(address, phones[0]);
  await anna.expect("session:opened", ({ device_name }) => user.id === annaId && device_name === "socket.io-client");

  // The profile, the lists, the session.
  await fetch(`${address}/v1/me`, {
    method: "PATCH",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${tokens[1].access_token}` },
    body: JSON.stringify({ display_name: "Boris" }),
  });
  await anna.expect("user:updated", ({ user }) => user.id === borisId);
  const list = await anna.send("chat:list", { limit: 1 });
  const sync = await anna.send("session:sync");
  const { access_token, refresh_token } = tokens[0];
  const renewed = await post(address, "/v1/auth/tokens/refresh", { refresh_token }, access_token);
  await anna.send("session:refresh", { token: renewed.access_token });
  boris.close();
  await anna.expect("presence:updated", ({ user_id, online }) => user_id === borisId && !online);
  await fetch(`${address}/v1/auth/sessions/current`, {
    method: "DELETE",
    headers: { Authorization: `Bearer ${tokens[2].access_token}` },
  });
  await clara.expect("session:revoked");

  const heard = new Set(people.flatMap(({ events }) => events.map(({ name }) => name)));

  return {
    done: [...done].sort(),
    heard: [...heard].sort(),
    found: found.messages.length,
    tombstone: changes.messages[0].content,
    listed: list.chats.length,
    synced: sync.chats.map(({ id }) => id),
    pair: pair.id,
    creator: annaId === pair.creator_id,
  };
}, people);
