// molva-client, driven by lines of JSON on standard input: [command, …], an answer a line. Its storage is a file, so that
// another process can go on where this one was killed.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { client, text, texts } from "./helping.mjs";

const [url, file] = process.argv.slice(2);
const held = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
const write = () => {
  writeFileSync(`${file}.new`, JSON.stringify(held));
  renameSync(`${file}.new`, file);
};
const storage = {
  get: async (key) => held[key] && structuredClone(held[key]),
  set: async (key, value) => ((held[key] = value), write()),
  delete: async (key) => (delete held[key], write()),
};
const molva = client(url, { storage, ackTimeout: 2000 });
const opened = new Map();
const results = [];
const noted = (promise) => void promise.then(() => results.push("done"), (error) => results.push(error.code));

const commands = {
  signIn: (tokens) => molva.signInWithTokens(tokens),
  restore: () => molva.restore(),
  connect: () => void molva.connect(),
  open: (id) => void opened.set(id, molva.open(id)),
  send: (id, ...words) => words.forEach((one) => noted(molva.send(id, text(one)).done)),
  edit: (id, seq, words) => noted(molva.edit(id, seq, { text: words })),
  like: (id, seq) => noted(molva.like(id, seq, true)),
  state: () => ({
    status: molva.state.get().status,
    outbox: molva.outbox.size,
    results,
    token: molva.account.tokens.access,
    chats: molva.chats.get().map(({ id }) => id),
    faults: molva.faults.map((error) => error.code),
    texts: Object.fromEntries([...opened].map(([id, open]) => [id, texts(open)])),
    pending: Object.fromEntries([...opened].map(([id, open]) => [id, open.messages.get().filter((one) => one.pending).length])),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...rest] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await commands[name](...rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ fault: String(error) }));
  }
}
molva.close();
