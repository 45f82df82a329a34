// A strict page on the package: what it names has the types that it is used with, and no cast is needed.
import { ConflictError, memoryStorage, Molva, MolvaError, type ChatView, type MessageView, type ShownMessage, type Subscribable } from "molva-client";
import type { ClientToServerEvents } from "molva-client/protocol";
import { useChats, useConnection, useMessages, useUser, useValue } from "molva-client/react";

export const names: keyof ClientToServerEvents = "chat:list";

export async function page(molva: Molva): Promise<string[]> {
  const user = await molva.signIn({ phone: "+4915112345678", code: "123456", displayName: "Anna" });
  const phone: string = user.phone;
  await molva.connect();
  const { chat, created } = await molva.action("chat:create_private", { phone });
  const isNew: boolean = created;
  const chats: Subscribable<readonly ChatView[]> = molva.chats;
  const titles = chats.get().map((one) => molva.title(one));
  const open = molva.open(chat.id);
  const end = open.messages.subscribe((messages) => messages.map(words));
  await open.ready;
  const { done } = molva.send(chat.id, { type: "text", content: { text: "hello" }, reply_to: 1 });
  const stored: MessageView = await done;
  await molva.react(chat.id, stored.seq, "👍", isNew);
  const sent = await molva.sendFile(chat.id, new Blob(["hello"]), { caption: "a file", onProgress: (share) => share.toFixed(2) });
  await sent.done;
  // @ts-expect-error there is no such action
  void molva.action("chat:explode", {});
  // @ts-expect-error a text has text
  molva.send(chat.id, { type: "text" });
  // @ts-expect-error lists are not changed by those who watch them
  molva.chats.get().push(chat);
  end();
  open.close();
  return titles;
}

function words(message: ShownMessage): string {
  if (message.pending?.status === "refused") return message.pending.error?.message ?? "";
  switch (message.type) {
    case "text":
      return message.content?.text ?? "";
    case "image":
      return message.content?.thumbnail_url ?? "";
    default:
      return message.ticks ?? "";
  }
}

export function explain(error: unknown): string {
  if (error instanceof ConflictError) return error.reason ?? "";
  return error instanceof MolvaError ? `${error.code} ${error.requestId ?? ""} ${error.retryAfter ?? 0}` : "";
}

export function Component(): string {
  const molva = new Molva({ url: "", storage: memoryStorage(), trace: ({ direction, name }) => void [direction, name] });
  const { messages, open } = useMessages(useChats()[0]?.id ?? "");
  void open?.loadOlder();
  const name: string = useUser(messages[0]?.sender_id ?? "")?.display_name ?? "";
  const isOnline: boolean = useConnection().status === "online";
  return `${name} ${isOnline} ${useValue(molva.unread).messages}`;
}
