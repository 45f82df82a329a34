// Drives docs/guide/chat.ts (compiled) in two tabs of one person; by lines of JSON: [tab, command, …], an answer a line.
import { createInterface } from "node:readline";

const [page, url, token] = process.argv.slice(2);
const { ChatScreen } = await import(page);
const tabs = [0, 1].map(() => new ChatScreen(url, () => token, () => {}));

for await (const line of createInterface({ input: process.stdin })) {
  const [tab, command, ...rest] = JSON.parse(line);
  try {
    console.log(JSON.stringify({ value: (await tabs[tab][command](...rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ fault: String(error) }));
  }
}
