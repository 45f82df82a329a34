// The types of molva-client/react.

import type { ReactElement, ReactNode } from "react";
import type { ChatView, ConnectionState, Molva, OpenChat, Presence, ShownMessage, Subscribable, User } from "./index.js";

export interface OpenMessages {
  messages: readonly ShownMessage[];
  hasOlder: boolean;
  hasNewer: boolean;
  /** For paging and jumps; null until the chat is open. */
  open: OpenChat | null;
}

/** Gives the client to all components within. */
export function MolvaProvider(props: { client: Molva; children?: ReactNode }): ReactElement;
export function useMolva(): Molva;
/** The value of anything that can be subscribed to. */
export function useValue<T>(subscribable: Subscribable<T>): T;
export function useConnection(): ConnectionState;
export function useChats(): readonly ChatView[];
export function useArchivedChats(): readonly ChatView[];
export function useUnread(): { chats: number; messages: number; mentions: number };
export function useChat(chatId: string): ChatView | null;
export function useUser(userId: string): User | null;
export function usePresence(userId: string): Presence | null;
export function useTyping(chatId: string): readonly string[];
/** The messages of a chat, which is open as long as the component is there. */
export function useMessages(chatId: string): OpenMessages;
