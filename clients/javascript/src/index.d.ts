// The public types of molva-client. A test holds them against the modules.

import type { ChatView, Profile, User } from "./protocol.js";
import type {
  ActionData, ActionName, ActionPayload, ConnectionState, MessageDraft, MolvaOptions, MolvaStorage, OpenChat, PendingMessage,
  Presence, SentCode, SignIn, Subscribable, Tokens, Unread, UploadedFile, UploadOptions,
} from "./types.js";

export type * from "./protocol.js";
export type {
  ActionData, ActionName, ActionPayload, ConnectionState, ConnectionStatus, IoFunction, MessageDraft, MolvaOptions, MolvaStorage,
  OpenChat, PendingMessage, Presence, SentCode, ShownMessage, SignIn, Subscribable, Tokens, UploadedFile, UploadOptions, WireEntry,
} from "./types.js";
export {
  AbortedError, ConflictError, ForbiddenError, InternalError, MolvaError, NotFoundError, OfflineError, PayloadTooLargeError,
  RateLimitedError, SessionRevokedError, SignedOutError, TokenExpiredError, UnansweredError, UnauthorizedError, UnavailableError,
  UnknownActionError, ValidationError,
} from "./errors.js";

/** A storage that nothing outlives: for tests, and for pages that shall forget. */
export function memoryStorage(): MolvaStorage;
/** A storage that all pages of this origin share. */
export function indexedDbStorage(name: string): MolvaStorage;

export class Molva {
  constructor(options: MolvaOptions);

  /** Sends a one-time code. In development the answer has it. `challenge`: the solution of the one in `error.details`. */
  requestCode(phone: string, challenge?: object): Promise<SentCode>;
  signIn(input: SignIn): Promise<Profile>;
  signInWithTokens(tokens: Tokens): Promise<void>;
  /** Who is signed in, from the storage; null if nobody is. */
  restore(): Promise<Profile | null>;
  /** Ends the login session and forgets everything. */
  signOut(): Promise<void>;

  /** Resolves when it is online for the first time. From then on it reconnects by itself. */
  connect(): Promise<void>;
  disconnect(): void;
  /** Disconnects, and frees timers, channels and storage. */
  close(): void;
  readonly state: Subscribable<ConnectionState>;

  /** The chats in the order to show, without the archived ones. */
  readonly chats: Subscribable<readonly ChatView[]>;
  readonly archived: Subscribable<readonly ChatView[]>;
  /** Of all chats that are neither muted nor archived. */
  readonly unread: Subscribable<Unread>;
  chat(chatId: string): Subscribable<ChatView | null>;
  /** Looked up, together with others, when it is unknown. */
  user(userId: string): Subscribable<User | null>;
  title(chat: ChatView): string;
  /** Watched as long as somebody subscribes. */
  presence(userId: string): Subscribable<Presence | null>;
  /** Who is typing: user ids. Each lapses after 6 s. */
  typing(chatId: string): Subscribable<readonly string[]>;
  /** Several may be open. All of them are watched; the one opened last is active. */
  open(chatId: string): OpenChat;
  /** Every event of the server by this name. The answer ends it. */
  on(name: string, listener: (told: any) => void): () => void;

  /** Any action. Waits a while for a connection, honours `retry_after`, and is repeated when the connection ends under it. */
  action<Name extends ActionName>(name: Name, payload: ActionPayload<Name>): Promise<ActionData<Name>>;
  /** `shown`: content to show until the message is stored. */
  send(chatId: string, draft: MessageDraft, shown?: object): PendingMessage;
  edit(chatId: string, seq: number, content: unknown): Promise<void>;
  deleteMessage(chatId: string, seq: number): Promise<void>;
  like(chatId: string, seq: number, liked: boolean): Promise<void>;
  react(chatId: string, seq: number, emoji: string, added: boolean): Promise<void>;
  read(chatId: string, seq: number): void;
  /** At most one every 3 s goes out. */
  setTyping(chatId: string): void;

  upload(file: Blob, options?: UploadOptions): Promise<UploadedFile>;
  sendFile(chatId: string, file: Blob, options?: UploadOptions & { caption?: string }): Promise<PendingMessage>;
  /** Makes the path of a picture or a file absolute. */
  mediaUrl(path: string): string;
  /** Signed URLs of a file that still work. */
  fileUrl(fileId: string): Promise<{ url: string; thumbnail_url: string | null }>;
  /** Puts fresh signed URLs into a message of an open chat: for an image that did not load any more. */
  refreshMedia(chatId: string, seq: number): Promise<void>;
  /** REST with the person's token, refreshed when needed. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
}
