// Two people register, open a private chat and talk; acks get lost and connections break on the way.
//
//   node conversation.mjs ADDRESS PHONE PHONE TRANSPORT…      (TRANSPORT: websocket, polling)

import { randomUUID } from "node:crypto";

import { Client, register, run } from "./client.mjs";

const [address, annasPhone, borissPhone, ...transports] = process.argv.slice(2);
const clients = [];

async function arrive(phone) {
  const { access_token: token, user } = await register(address, phone);
  const client = new Client(address, token, { transports });
  clients.push(client);
  const ready = await client.connect();
  if (transports.length > 1) await client.upgraded();
  return { client, user, ready };
}

/** Send a text, lose the ack with the connection, and send the same again, as an application does. */
async function sendTwice(client, peer, chatId, text) {
  const payload = { chat_id: chatId, client_id: randomUUID(), type: "text", content: { text } };
  client.socket.emit("message:send", payload);
  await peer.expect("message:created", ({ message }) => message.content.text === text);
  await client.reconnect();
  return client.send("message:send", payload);
}

async function converse() {
  const anna = await arrive(annasPhone);
  const boris = await arrive(borissPhone);

  const opened = await anna.client.send("chat:create_private", { user_id: boris.user.id });
  const chatId = opened.chat.id;
  const again = await boris.client.send("chat:create_private", { user_id: anna.user.id });
  for (const { client } of [anna, boris]) await client.send("chat:activate", { chat_id: chatId });

  const say = ({ client }, text) =>
    client.send("message:send", { client_id: randomUUID(), type: "text", content: { text } });
  const sent = [await say(anna, "one"), await say(boris, "two")];
  // Three at once, without waiting: their order is that of the calls.
  sent.push(...(await Promise.all(["three", "four", "five"].map((text) => say(anna, text)))));
  const repeated = await sendTwice(anna.client, boris.client, chatId, "six");
  sent.push(await say(anna, "seven"));
  for (const { client } of [anna, boris]) await client.expect("message:created", ({ message }) => message.seq === 7);
  await boris.client.send("message:read", { chat_id: chatId, seq: 7 });
  await anna.client.expect("chat:read", ({ user_id: userId }) => userId === boris.user.id);

  const history = await boris.client.send("message:list", { chat_id: chatId, limit: 5 });
  const older = await boris.client.send("message:list", { chat_id: chatId, before: history.messages[0].seq });
  const refused = await boris.client.push("message:send", { client_id: "5", type: "text", content: { text: 7 } });
  return {
    transports: clients.map((client) => client.transport),
    anna: { user: anna.user, ready: anna.ready, events: anna.client.events, heard: anna.client.heard() },
    boris: { user: boris.user, ready: boris.ready, events: boris.client.events, heard: boris.client.heard() },
    opened,
    again,
    sent,
    repeated,
    history,
    older,
    refused,
  };
}

await run(converse, clients);
