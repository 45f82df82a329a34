// The package as an application has it: installed, with its peer found by itself.
import { Molva } from "molva-client";

const [url] = process.argv.slice(2);
const molva = new Molva({ url });
const phone = `+4915${String(Math.floor(Math.random() * 1e9)).padStart(9, "0")}`;
const { verificationId, code } = await molva.requestCode(phone);
await molva.signIn({ phone, code, verificationId, displayName: "Anna" });
await molva.connect();
const { chat } = await molva.action("chat:create_group", { title: "Notes" });
const { content } = await molva.send(chat.id, { type: "text", content: { text: "hello" } }).done;
console.log(JSON.stringify(content));
molva.close();
