// One step as code that runs elsewhere: JavaScript and Python with the official clients, curl over HTTP.

const json = (value) => JSON.stringify(value, null, 2);

/** @param {{action: string, payload: object}} step */
export const snippets = {
  JavaScript: ({ action, payload }) => `import { io } from "socket.io-client";

const socket = io("${location.origin}/chat", { auth: { token: process.env.TOKEN } });
socket.onAny((event, payload) => console.log(event, payload));
console.log(await socket.emitWithAck("${action}", ${json(payload)}));
`,
  Python: ({ action, payload }) => `import asyncio, json, os
import socketio

async def main():
    async with socketio.AsyncSimpleClient() as client:
        await client.connect("${location.origin}", namespace="/chat", auth={"token": os.environ["TOKEN"]})
        payload = json.loads(r'''${json(payload)}''')
        print(await client.call("${action}", payload))

asyncio.run(main())
`,
  curl: ({ action, payload }) => `curl -sS ${location.origin}/v1/actions/${action} \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '${JSON.stringify(payload).replaceAll("'", "'\\''")}'
`,
};
