// People who talk through a proxy while the server restarts behind it. What was acknowledged must be there afterwards, once and
// in order, and every client must come back by itself.
//
//   node load.mjs ADDRESS PEOPLE SECONDS      prints what happened as JSON; half of the people poll, half use WebSocket

import { randomUUID } from "node:crypto";

import { Client, register, run } from "../js/client.mjs";

const [address, people, seconds] = process.argv.slice(2).map((word, place) => (place ? Number(word) : word));
const RETRY_MS = 200;
const clients = [];
const acked = new Map();
let sent = 0;
let retries = 0;
let disconnects = 0;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function arrive(place) {
  const phone = `+7916${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
  const { access_token: token, user } = await register(address, phone);
  const transports = place % 2 ? ["polling"] : ["polling", "websocket"];
  const client = new Client(address, token, { transports });
  client.socket.on("disconnect", (reason) => {
    disconnects += 1;
    // A server that closes the namespace does not make the library come back; an application does.
    if (reason === "io server disconnect") client.socket.connect();
  });
  clients.push(client);
  await client.connect();
  if (place % 2 === 0) await client.upgraded();
  return { client, user };
}

/** Send until it is acknowledged, always with the same client_id, as an application does. */
async function deliver(client, chatId, text) {
  const payload = { chat_id: chatId, client_id: randomUUID(), type: "text", content: { text } };
  for (;;) {
    try {
      const { message } = await client.send("message:send", payload);
      if (acked.has(text)) throw new Error(`${text} was acknowledged twice`);
      acked.set(text, message.seq);
      return;
    } catch (error) {
      if (error.code && error.code !== "unavailable" && error.code !== "rate_limited") throw error;
      retries += 1;
      await pause(RETRY_MS);
    }
  }
}

async function live({ client }, chatId, name, until) {
  for (let number = 0; Date.now() < until; number += 1) {
    sent += 1;
    await deliver(client, chatId, `${name} ${number}`);
    await pause(30);
  }
}

await run(async () => {
  const crowd = [];
  for (let place = 0; place < people; place += 1) crowd.push(await arrive(place));
  const ids = crowd.slice(1).map(({ user }) => user.id);
  const { chat } = await crowd[0].client.send("chat:create_group", { title: "Load", member_ids: ids });
  for (const { client } of crowd) await client.send("chat:activate", { chat_id: chat.id });
  console.error("ready");
  const until = Date.now() + seconds * 1000;
  await Promise.all(crowd.map((person, place) => live(person, chat.id, `person ${place}:`, until)));
  const stored = new Map();
  for (let after = 0, more = true; more; ) {
    const page = await crowd[0].client.send("message:list", { chat_id: chat.id, after, limit: 100 });
    for (const { seq, type, content } of page.messages) {
      if (type === "text" && stored.has(content.text)) throw new Error(`${content.text} is stored twice`);
      if (type === "text") stored.set(content.text, seq);
      after = seq;
    }
    more = page.has_more;
  }
  const lost = [...acked].filter(([text, seq]) => stored.get(text) !== seq).map(([text]) => text);
  const away = clients.filter(({ socket }) => !socket.connected).length;
  const transports = clients.map((client) => client.transport);
  return { sent, acked: acked.size, stored: stored.size, lost, retries, disconnects, away, transports };
}, clients);
