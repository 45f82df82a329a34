// Drives docs/guide/client.mjs by lines of JSON on standard input; prints its state, a line each time it is asked.
import { createInterface } from "node:readline";
import { Molva } from "../../docs/guide/client.mjs";

const [url, tokens] = process.argv.slice(2);
const molva = new Molva(url, JSON.parse(tokens));

const commands = {
  open: ([id]) => molva.open(id),
  send: ([id, text]) => void molva.send(id, text),
  state: () => ({
    connected: molva.socket.connected,
    outbox: molva.outbox.size,
    texts: Object.fromEntries([...molva.messages].map(([id, held]) => [
      id, [...held.values()].sort((a, b) => a.seq - b.seq).map((message) => message.content.text),
    ])),
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...rest] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await commands[name](rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ fault: String(error) }));
  }
}
molva.socket.close();
