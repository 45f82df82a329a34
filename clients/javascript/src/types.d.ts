// What applications see, beside the classes. The objects of the protocol (ChatView, MessageView, User, …) are in protocol.d.ts.

import type { MolvaError } from "./errors.js";
import type {
  Announcement, ClientToServerEvents, Limits, MessageSend, MessageView, PresenceUpdated, Profile, RestCalls, User,
} from "./protocol.js";

export interface MolvaOptions {
  /** Where the server is: "http://127.0.0.1:8000"; "" is the origin of this page. */
  url: string;
  /** `io` of socket.io-client. Without it: `import("socket.io-client")`. */
  io?: IoFunction;
  /** Where tokens, outbox and chats are kept. IndexedDB in a browser, memory elsewhere. */
  storage?: MolvaStorage;
  /** Errors of what nobody awaits. */
  onError?: (error: MolvaError) => void;
  /** Every action with its answer, every event and every request: for a view of the wire. */
  trace?: (entry: WireEntry) => void;
  /** The shortest and the longest wait before a reconnect, in ms. */
  backoff?: { least?: number; most?: number };
  /** After how many ms without an answer a connection counts as dead. */
  ackTimeout?: number;
  /** More options for `io()`, such as `transports`. */
  socket?: Record<string, unknown>;
}

export type IoFunction = (url: string, options: any) => any;

export interface MolvaStorage {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** A name, if all pages of this origin share what is stored here: they then share one sign-in. */
  shared?: string;
  close?(): void;
}

export interface Subscribable<T> {
  get(): T;
  /** Calls back whenever the value has become another one. The answer ends it. */
  subscribe(listener: (value: T) => void): () => void;
}

export interface WireEntry {
  at: number;
  direction: "action" | "ack" | "event" | "rest";
  name: string;
  payload: unknown;
  error?: boolean;
  ms?: number;
}

export type ConnectionStatus = "offline" | "connecting" | "syncing" | "online" | "signed_out";

export interface ConnectionState {
  status: ConnectionStatus;
  /** Why it is offline or signed out: a word of the server (`banned`, `too_many_connections`, …) or of this package. */
  reason?: string;
  me: Profile | null;
  sessionId: string | null;
  limits: Limits | null;
  announcements: readonly Announcement[];
}

export type ActionName = keyof ClientToServerEvents;
export type ActionPayload<Name extends ActionName> = Parameters<ClientToServerEvents[Name]>[0];
export type ActionData<Name extends ActionName> = NonNullable<Parameters<Parameters<ClientToServerEvents[Name]>[1]>[0]["data"]>;

type Without<T> = T extends unknown ? Omit<T, "chat_id" | "client_id"> : never;
/** A message to send: what `message:send` takes, but for the ids. */
export type MessageDraft = Without<MessageSend>;

export interface PendingMessage {
  clientId: string;
  /** The stored message. Rejects when the server refuses it for good, or when it is discarded. */
  done: Promise<MessageView>;
}

export type ShownMessage = MessageView & {
  /** Of a message that is not stored yet; its `seq` is Infinity. */
  pending: null | {
    clientId: string;
    status: "waiting" | "sending" | "refused";
    error?: MolvaError;
    retry(): void;
    discard(): void;
  };
  mine: boolean;
  ticks: null | "pending" | "sent" | "read";
};

export interface OpenChat {
  readonly chatId: string;
  /** Ascending; those that are not stored yet behind all others. */
  readonly messages: Subscribable<readonly ShownMessage[]>;
  readonly hasOlder: Subscribable<boolean>;
  readonly hasNewer: Subscribable<boolean>;
  /** The first page is there. Rejects when the chat does not exist. */
  readonly ready: Promise<void>;
  loadOlder(): Promise<void>;
  loadNewer(): Promise<void>;
  /** A page around this message takes the place of what is held. */
  jumpTo(seq: number): Promise<void>;
  jumpToNewest(): Promise<void>;
  close(): void;
}

export type Presence = Omit<PresenceUpdated, "user_id">;
export type UploadedFile = RestCalls["POST /v1/files"]["answer"];
export interface Unread { chats: number; messages: number; mentions: number }
export interface UploadOptions { name?: string; duration?: number; onProgress?: (share: number) => void; signal?: AbortSignal }
export interface Tokens { access_token: string; refresh_token?: string }
export interface SignIn {
  phone: string;
  code: string;
  verificationId?: string;
  displayName?: string;
  pin?: string;
  deviceName?: string;
}
export interface SentCode { verificationId: string; code?: string; expiresIn: number; retryAfter: number }
export type { User };
