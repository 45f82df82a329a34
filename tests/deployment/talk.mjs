// Two people talk, and later find what they said: the proof that a deployment keeps data.
//
//   node talk.mjs talk ADDRESS FILE      registers, sends, receives; what was said goes into FILE
//   node talk.mjs recall ADDRESS FILE    the same people find all of it

import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

import { Client, post, register, run } from "../js/client.mjs";

const [what, address, file] = process.argv.slice(2);
const clients = [];

async function arrive(token) {
  const client = new Client(address, token, { transports: ["polling", "websocket"] });
  clients.push(client);
  await client.connect();
  await client.upgraded();
  return client;
}

async function talk() {
  const numbers = [0, 1].map(() => `+7916${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`);
  const [anna, boris] = await Promise.all(numbers.map((phone) => register(address, phone)));
  const [annas, boriss] = await Promise.all([anna, boris].map(({ access_token: token }) => arrive(token)));
  const { chat } = await annas.send("chat:create_private", { user_id: boris.user.id });
  await boriss.send("chat:activate", { chat_id: chat.id });
  const texts = Array.from({ length: 20 }, (_, place) => `message ${place}`);
  for (const text of texts) {
    await annas.send("message:send", { chat_id: chat.id, client_id: randomUUID(), type: "text", content: { text } });
  }
  await boriss.expect("message:created", ({ message }) => message.content.text === texts.at(-1));
  writeFileSync(file, JSON.stringify({ chatId: chat.id, texts, refreshToken: boris.refresh_token }));
  return { sent: texts.length, received: boriss.events.filter(({ name }) => name === "message:created").length };
}

async function recall() {
  const { chatId, texts, refreshToken } = JSON.parse(readFileSync(file, "utf8"));
  const tokens = await post(address, "/v1/auth/tokens/refresh", { refresh_token: refreshToken });
  const boriss = await arrive(tokens.access_token);
  const { messages } = await boriss.send("message:list", { chat_id: chatId, limit: 100 });
  const found = messages.map(({ content }) => content.text);
  if (JSON.stringify(found) !== JSON.stringify(texts)) throw new Error(`found ${JSON.stringify(found)}`);
  writeFileSync(file, JSON.stringify({ chatId, texts, refreshToken: tokens.refresh_token }));
  return { found: found.length };
}

await run({ talk, recall }[what], clients);
