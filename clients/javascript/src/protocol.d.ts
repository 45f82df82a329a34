// Types of Molva's Socket.IO namespace /chat, for the official client:
//
//   import { io, type Socket } from "socket.io-client";
//   import type { ClientToServerEvents, ServerToClientEvents } from "./molva.js";
//   const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://…/chat", { auth: { token } });
//   const answer = await socket.emitWithAck("chat:list", { limit: 20 });


export type ErrorCode = "unauthorized" | "token_expired" | "session_revoked" | "forbidden" | "not_found" | "conflict" | "validation_failed" | "payload_too_large" | "rate_limited" | "unavailable" | "unknown_action" | "internal";

/**
 * Why the current state forbids a request.
 *
 * - `not_a_group`: The chat is a private chat, not a group. Use this action on groups only.
 * - `creator_cannot_leave`: The creator of a group cannot leave it. Hand the group over with chat:transfer first, or delete it with chat:delete.
 * - `member_limit`: The group would have too many members. Add fewer people, or remove members first. The limit is group_members in session:ready.limits.
 * - `with_yourself`: You cannot do this with yourself. Name another person.
 * - `no_active_chat`: The request has no chat_id, and no chat is active. Send a chat_id, or call chat:activate first.
 * - `pin_limit`: You have pinned as many chats as allowed, or the chat has as many pinned messages as allowed. Unpin one first. The limits are pins and pinned_messages in session:ready.limits.
 * - `invite_limit`: The group has as many invites as allowed. Revoke one with invite:revoke first. The limit is invites in session:ready.limits.
 * - `client_id_reused`: This client_id was used before, for a different request. Make a new client_id for each new request. Only repeat a request unchanged.
 * - `mention_not_member`: Someone mentioned is not a member of the chat. Mention members of the chat only. member:list returns them.
 * - `message_deleted`: The message has been deleted. Show it as deleted. A deleted message cannot be changed.
 * - `reaction_limit`: The message has as many different reactions as allowed. Use one of its reactions. The limit is reactions in session:ready.limits.
 * - `you_blocked_user`: You have blocked this person. Unblock them with user:unblock first.
 * - `peer_unavailable`: This person cannot be reached. Nothing on your side changes this. It says neither why nor for how long.
 * - `block_limit`: You have blocked as many people as allowed. Unblock someone with user:unblock first.
 * - `username_taken`: Another user has this username. Choose another username.
 * - `pin_required`: The account is protected by a PIN. Ask for the PIN and send it as pin with the same code.
 * - `cursor_unknown`: The cursor does not belong to the current state of the database. Start again: call session:sync without a cursor.
 * - `version_unknown`: The chat never had this version in the current state of the database. Start again: load the chat with chat:get and its messages with message:list.
 */
export type ConflictReason = "not_a_group" | "creator_cannot_leave" | "member_limit" | "with_yourself" | "no_active_chat" | "pin_limit" | "invite_limit" | "client_id_reused" | "mention_not_member" | "message_deleted" | "reaction_limit" | "you_blocked_user" | "peer_unavailable" | "block_limit" | "username_taken" | "pin_required" | "cursor_unknown" | "version_unknown";

/** What every error has. `message` is for people and may change. */
export interface ErrorBase {
  message: string;
  request_id: string;
  details?: unknown;
  retry_after?: number;
}

/** Why an action was refused. Switch on `code`: it decides what `details` is. */
export type ActionError =
  | (ErrorBase & { code: "conflict"; details: { reason: ConflictReason } })
  | (ErrorBase & { code: "not_found"; details: { field: string } })
  | (ErrorBase & { code: "validation_failed"; details: { path: string; message: string }[] })
  | (ErrorBase & { code: "rate_limited" | "unavailable"; retry_after: number })
  | (ErrorBase & { code: "unauthorized" | "token_expired" | "session_revoked" | "forbidden" | "payload_too_large" | "unknown_action" | "internal" });

/** What every action answers: exactly one of the two. */
export type Ack<T> = { data: T; error?: undefined } | { data?: undefined; error: ActionError };

/** What every message has, whatever its type. */
export interface MessageBase<R = Reaction> {
  /** ID of the chat that the message belongs to. */
  chat_id: string;
  /** Position of the message in its chat. It starts at 1, has no gaps and never changes. */
  seq: number;
  /** ID of the sender. For a system message: ID of the person who caused it. */
  sender_id: string;
  /** `seq` of the message that this one replies to, or null. */
  reply_to: number | null;
  /** IDs of the members that the message mentions. */
  mentions: string[];
  /** Of a forwarded message: the sender and the time of the first one. Otherwise null. */
  forwarded_from: ForwardedFrom | null;
  /** The UUID that the sender's client gave the message. Null for a system message. */
  client_id: string | null;
  /** When the server stored the message. */
  created_at: string;
  /** When the message was last edited, or null. */
  edited_at: string | null;
  /** When the message was deleted, or null. */
  deleted_at: string | null;
  /** Number of people who like the message. */
  like_count: number;
  /** Reactions to the message, the first emoji first. */
  reactions: R[];
  /** The object that the sender's application gave the message, or null. */
  metadata: Record<string, unknown> | null;
  /** Version of the chat at the last change of this message. */
  version: number;
}

/** What a system message tells. Switch on `event`. */
export type SystemContent = GroupCreatedContent | BecameGroupContent | MembershipContent | TitleChangedContent | AvatarChangedContent | MessagePinnedContent;

export type TextMessage<R = Reaction> = MessageBase<R> & { type: "text"; content: TextContent | null };

export type ImageMessage<R = Reaction> = MessageBase<R> & { type: "image"; content: ReceivedFile | null };

export type VideoMessage<R = Reaction> = MessageBase<R> & { type: "video"; content: ReceivedFile | null };

export type AudioMessage<R = Reaction> = MessageBase<R> & { type: "audio"; content: ReceivedFile | null };

export type FileMessage<R = Reaction> = MessageBase<R> & { type: "file"; content: ReceivedFile | null };

export type LocationMessage<R = Reaction> = MessageBase<R> & { type: "location"; content: LocationContent | null };

export type ContactMessage<R = Reaction> = MessageBase<R> & { type: "contact"; content: ContactContent | null };

export type SystemMessage<R = Reaction> = MessageBase<R> & { type: "system"; content: SystemContent | null };

/**
 * A message. ``chat_id`` and ``seq`` identify it together. A deleted message keeps its place, with ``content`` null.
 *
 * Switch on `type`.
 */
export type Message<R = Reaction> = TextMessage<R> | ImageMessage<R> | VideoMessage<R> | AudioMessage<R> | FileMessage<R> | LocationMessage<R> | ContactMessage<R> | SystemMessage<R>;

/** A message, as the caller sees it. */
export type MessageView = Message<ReactionView> & {
  /** Whether the caller likes the message. */
  liked_by_me: boolean;
};

/** The chat of an event. For whom the chat is new, and for what is theirs alone, it has all of ChatView. */
export type EventChat = Chat & Partial<Pick<ChatView, "peer" | "others_read_seq" | "me">>;

/** The documented bounds, by name. */
export interface Limits {
  text_chars: number;
  title_chars: number;
  display_name_chars: number;
  about_chars: number;
  caption_chars: number;
  username_chars_min: number;
  username_chars: number;
  device_name_chars: number;
  pin_chars_min: number;
  pin_chars: number;
  query_chars: number;
  description_chars: number;
  metadata_bytes: number;
  group_members: number;
  members_per_add: number;
  mentions: number;
  reactions: number;
  report_comment_chars: number;
  reports_per_day: number;
  phones_per_find: number;
  page_size: number;
  pins: number;
  pinned_messages: number;
  invites: number;
  invite_seconds: number;
  watch_list: number;
  watched_chats: number;
  packet_bytes: number;
  packet_bytes_closing: number;
  avatar_bytes: number;
  avatar_pixels: number;
  avatar_side_pixels: number;
  file_bytes: number;
  file_name_chars: number;
  numbers_looked_up_per_day: number;
  numbers_looked_up_on_first_day: number;
  connections_per_user: number;
  private_chats_per_day: number;
  groups_per_day: number;
  strangers_added_per_day: number;
  files_per_day: number;
  uploaded_bytes_per_day: number;
  files_stored: number;
  file_bytes_stored: number;
  first_day_percent: number;
  read_actions_per_second: number;
  read_actions_burst: number;
  write_actions_per_second: number;
  write_actions_burst: number;
  send_actions_per_second: number;
  send_actions_burst: number;
  look_up_actions_per_second: number;
  look_up_actions_burst: number;
  signal_actions_per_second: number;
  signal_actions_burst: number;
}

/** Something that the operator tells everybody who is online. Show it until it ends. */
export interface Announcement {
  /** The text. */
  text: string;
  /** How important it is. */
  level: "info" | "warning" | "critical";
  /** When it ends. If it is in the past, the operator took the announcement back. */
  until: string;
}

/** Content of an audio message. */
export interface AudioContent {
  /** `id` from the answer of `POST /v1/files`. */
  file_id: string;
  /** Text shown below the file. */
  caption?: string | null;
  /** File name to show. Omit it to keep the uploaded name. */
  name?: string | null;
  /** Duration in seconds. Omit it to keep the duration given at the upload. */
  duration?: number | null;
}

/** Paths of the four sizes of an avatar, relative to the server. They are public and never change. */
export interface Avatar {
  /** ID of the avatar, made from its content. */
  id: string;
  /** Path of the image in 50x50 pixels. */
  "50": string;
  /** Path of the image in 100x100 pixels. */
  "100": string;
  /** Path of the image in 400x400 pixels. */
  "400": string;
  /** Path of the image in its original size, re-encoded. */
  original: string;
}

/** The group has another picture, or none. */
export interface AvatarChangedContent {
  /** What happened. */
  event: "avatar_changed";
  /** Who changed it. */
  user_id: string;
}

/** The private chat became a group. */
export interface BecameGroupContent {
  /** What happened. */
  event: "became_group";
  /** Who added the first member. */
  user_id: string;
  /** Its title. */
  title: string;
}

/** The people whom the caller has blocked. */
export interface BlockedUsers {
  /** The blocked people, the latest block first. */
  users: User[];
}

/** The messages that changed, in the order of their last change. */
export interface ChangesPage {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The changed messages, as they are now. */
  messages: MessageView[];
  /** Version of the chat that the client has after this page. Send it with the next call. */
  version: number;
  /** Whether there are more changes to fetch. */
  has_more: boolean;
}

/** A chat, as all its members see it. Events that go to all members contain this. */
export interface Chat {
  /** ID of the chat. It stays the same when a private chat becomes a group. */
  id: string;
  /** `private` for a chat of two people, `group` for a group. */
  type: "private" | "group";
  /** Title of the group. Null for a private chat. */
  title: string | null;
  /** What the group is about, or null. */
  description: string | null;
  /** Picture of the group, or null. */
  avatar: Avatar | null;
  /** ID of the member who created the chat, or to whom it was transferred. */
  creator_id: string;
  /** Number of members. */
  member_count: number;
  /** Number of messages, deleted ones included. It is also the `seq` of the newest message. */
  message_count: number;
  /** The newest message, or null if there is none. */
  last_message: Message | null;
  /** `seq` of each pinned message that the recipient may see, newest first. */
  pinned_seqs: number[];
  /** JSON object of the application. */
  metadata: Record<string, unknown>;
  /** When the chat was created. */
  created_at: string;
  /** When the newest message was stored. The chat list is sorted by it. */
  updated_at: string;
  /** Version of the chat. Every change that all members share raises it by one. */
  version: number;
}

/** The chat to make active. */
export interface ChatActivate {
  /** ID of the chat to make active, or null for no active chat. */
  chat_id: string | null;
}

/** The chat that is active now. */
export interface ChatActivated {
  /** The active chat, as the caller sees it, or null if there is none. */
  chat: ChatView | null;
}

/** One chat. */
export interface ChatAnswer {
  /** The chat, as the caller sees it. */
  chat: ChatView;
}

/** The chat to clear. */
export interface ChatClear {
  /** ID of the chat. */
  chat_id: string;
}

/** The group to create. */
export interface ChatCreateGroup {
  /** Title of the group, shown to all its members. */
  title: string;
  /** IDs of the first members. The caller is always a member. */
  member_ids?: string[];
  /** A UUID that the client generates for this group. A retry with the same UUID returns the group instead of creating another. */
  client_id?: string | null;
}

/** The other person, named by exactly one of `user_id` and `phone`. */
export interface ChatCreatePrivate {
  /** ID of the other person. */
  user_id?: string | null;
  /** Phone number of the other person, in any common format. */
  phone?: PhoneNumber | null;
}

/** The private chat of the two people. */
export interface ChatCreated {
  /** The chat, as the caller sees it. */
  chat: ChatView;
  /** True if this call created the chat, false if it existed before. */
  created: boolean;
}

/** The chat that the action is about. */
export interface ChatGet {
  /** ID of the chat. */
  chat_id: string;
}

/** The group to leave. */
export interface ChatLeave {
  /** ID of a group that somebody else created. */
  chat_id: string;
}

/** The page of the chat list to return. */
export interface ChatList {
  /** Maximum number of chats to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
  /** Return only chats of this type. Omit it for both types. */
  type?: "private" | "group" | null;
  /** True returns the archived chats, false all others. */
  archived?: boolean;
}

/** The chat to mute, and until when. */
export interface ChatMute {
  /** ID of the chat to mute. */
  chat_id: string;
  /** Time at which notifications start again, or null to unmute now. */
  until: string | null;
}

/** One page of the caller's chats. Pinned chats come first, by position; the others follow, newest first. */
export interface ChatPage {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The chats of this page. */
  chats: ChatView[];
  /** Cursor of the next page, or null on the last page. */
  next_cursor: string | null;
  /** ID of the active chat, or null if there is none. */
  active_chat_id: string | null;
  /** Unread totals over all chats of the caller, not only this page. */
  unread: Unread;
}

/** The chat to pin. */
export interface ChatPin {
  /** ID of the chat to pin. */
  chat_id: string;
  /** Position among the pinned chats, from 1. Without it, a new pin goes on top. */
  position?: number | null;
}

/** A member has read the messages up to ``read_seq``. The read mark only moves forward. */
export interface ChatRead {
  /** ID of the chat. */
  chat_id: string;
  /** ID of the member whose read mark moved. */
  user_id: string;
  /** All messages up to this `seq` are read by this member. */
  read_seq: number;
}

/** The caller is no longer a member of the chat, or the chat was deleted. No event of the chat follows. */
export interface ChatRemoved {
  /** ID of the chat. */
  chat_id: string;
  /** Why the caller lost the chat. */
  reason: Removal;
}

/** The caller's own title for a group. */
export interface ChatRename {
  /** ID of the group. */
  chat_id: string;
  /** Title that only the caller sees, or null to see the group's own title again. */
  title: string | null;
}

/** The group and its new creator. */
export interface ChatTransfer {
  /** ID of the group. */
  chat_id: string;
  /** ID of the member who becomes the creator. */
  user_id: string;
}

/** A person is typing. The server does not store it: hide it after a few seconds. */
export interface ChatTyping {
  /** ID of the chat. */
  chat_id: string;
  /** ID of the person who is typing. */
  user_id: string;
}

/** The new title, description or metadata of a group. A field that is absent stays as it is. */
export interface ChatUpdate {
  /** ID of the group. */
  chat_id: string;
  /** New title. */
  title?: string;
  /** New description. Null removes it. */
  description?: string | null;
  /** JSON object of the application, at most 4 KiB. It replaces the previous one. */
  metadata?: Record<string, unknown>;
}

/**
 * A chat changed, or is new in the caller's chat list.
 *
 * ``chat`` is the whole chat after the change. An event that goes to all members has no ``me`` and no ``peer``: keep the
 * ones that you have. An event about a new chat, or about the caller's personal settings, has both.
 */
export interface ChatUpdated {
  /** The chat after the change. */
  chat: EventChat;
  /** What changed. */
  reason: Reason;
}

/** A chat, as the caller sees it. */
export interface ChatView {
  /** ID of the chat. It stays the same when a private chat becomes a group. */
  id: string;
  /** `private` for a chat of two people, `group` for a group. */
  type: "private" | "group";
  /** Title of the group. Null for a private chat. */
  title: string | null;
  /** What the group is about, or null. */
  description: string | null;
  /** Picture of the group, or null. */
  avatar: Avatar | null;
  /** ID of the member who created the chat, or to whom it was transferred. */
  creator_id: string;
  /** Number of members. */
  member_count: number;
  /** Number of messages, deleted ones included. It is also the `seq` of the newest message. */
  message_count: number;
  /** The newest message that the caller may see, or null. */
  last_message: MessageView | null;
  /** `seq` of each pinned message that the recipient may see, newest first. */
  pinned_seqs: number[];
  /** JSON object of the application. */
  metadata: Record<string, unknown>;
  /** When the chat was created. */
  created_at: string;
  /** When the newest message was stored. The chat list is sorted by it. */
  updated_at: string;
  /** Version of the chat. Every change that all members share raises it by one. */
  version: number;
  /** The other person in a private chat. Null for a group. */
  peer: User | null;
  /** Furthest read mark of the other members: someone has read all messages up to this `seq`. 0 if nobody has. Members across a block do not count. */
  others_read_seq: number;
  /** Personal settings and state of the caller in this chat. */
  me: Me;
}

/** The chats that this connection watches in addition to its active chat. */
export interface ChatWatch {
  /** IDs of the chats to watch. They replace the previous list. An empty list watches no chats. */
  chat_ids: string[];
}

/** The chat with its pinned messages. */
export interface ChatWithPins {
  /** The chat as the caller sees it. */
  chat: ChatView;
}

/** The chats that this connection watches now. */
export interface ChatsWatched {
  /** The chats, as the caller sees them, in the order of the request. */
  chats: ChatView[];
}

/** Content of a contact message: a name and a phone number. */
export interface ContactContent {
  /** Name of the contact. */
  name: string;
  /** Phone number of the contact, as it will be shown. */
  phone: string;
}

/** Which file. */
export interface FileAt {
  /** ID of the file: `file_id` in the content of a message. */
  file_id: string;
}

/** Content of a file message: a file that the sender uploaded. The server adds ``name``, ``mime``, ``size``, ``url``. */
export interface FileContent {
  /** `id` from the answer of `POST /v1/files`. */
  file_id: string;
  /** Text shown below the file. */
  caption?: string | null;
  /** File name to show. Omit it to keep the uploaded name. */
  name?: string | null;
}

/** URLs that need no header, relative to the server. */
export interface FileUrl {
  /** URL of the file. */
  url: string;
  /** Of an image: URL of a small copy. */
  thumbnail_url: string | null;
  /** When both URLs end. */
  expires_at: string;
}

/** The first sender of a forwarded message, however often it was forwarded. */
export interface ForwardedFrom {
  /** ID of the sender of the first message. */
  sender_id: string;
  /** When the server stored the first message. */
  created_at: string;
}

/** A person who was found. */
export interface FoundUser {
  /** ID of the person. */
  id: string;
  /** Name to show for the person. */
  display_name: string;
  /** Unique public name by which others can find the person, or null. */
  username: string | null;
  /** Short text of the person about themselves, or null. */
  about: string | null;
  /** Picture of the person, or null. */
  avatar: Avatar | null;
  /** When the person was last connected. Null if the caller shares no chat with them, across a block, or if the person shows it to nobody. */
  last_seen_at: string | null;
  /** Whether the account belongs to a program. */
  is_bot: boolean;
  /** Whether the account was deleted. Its messages stay. */
  is_deleted: boolean;
  /** The phone number exactly as the request had it, if the search was by phone. */
  phone?: string | null;
}

/** The new group. */
export interface GroupCreated {
  /** The group, as the caller sees it. */
  chat: ChatView;
  /** IDs of the people whom the caller is not allowed to add. */
  not_added: string[];
}

/** Somebody opened the group. */
export interface GroupCreatedContent {
  /** What happened. */
  event: "group_created";
  /** Who opened it. */
  user_id: string;
  /** Its title. */
  title: string;
}

/** Content of an image message. The server also adds ``width``, ``height``, ``thumbnail`` and ``blurhash``. */
export interface ImageContent {
  /** `id` from the answer of `POST /v1/files`. */
  file_id: string;
  /** Text shown below the file. */
  caption?: string | null;
  /** File name to show. Omit it to keep the uploaded name. */
  name?: string | null;
}

/** An invite to a group. */
export interface Invite {
  /** Whoever has it may join. */
  code: string;
  /** The group. */
  chat_id: string;
  /** Who made it. */
  created_by: string;
  /** When it was made. */
  created_at: string;
  /** When it ends; null: never. */
  expires_at: string | null;
  /** How many people joined by it. */
  uses: number;
  /** How many may; null: any number. */
  uses_max: number | null;
}

/** The group that the caller is in now. */
export interface InviteAccepted {
  /** The chat as the caller sees it. */
  chat: ChatView;
}

/** One invite. */
export interface InviteAnswer {
  /** The invite. */
  invite: Invite;
}

/** Which invite. */
export interface InviteCode {
  /** `code` of the invite. */
  code: string;
}

/** An invite to make. */
export interface InviteCreate {
  /** The group. */
  chat_id: string;
  /** For how many seconds it lets people in; absent: until it is revoked. */
  expires_in?: number | null;
  /** How many people may join by it; absent: any number. */
  uses_max?: number | null;
}

/** Of which group. */
export interface InviteList {
  /** The group. */
  chat_id: string;
}

/** What a group shows to somebody who has an invite. */
export interface InvitePreview {
  /** What it is called. */
  title: string | null;
  /** Its picture, if it has one. */
  avatar: Avatar | null;
  /** How many people are in it. */
  member_count: number;
}

/** The invites of a group that still let people in, newest first. */
export interface Invites {
  /** The invites; at most 50. */
  invites: Invite[];
}

/** The number of likes after the change. */
export interface LikeCount {
  /** Number of people who like the message, the caller included. */
  like_count: number;
}

/** One page of the people who like a message, in the order of their likes. */
export interface LikersPage {
  /** The people of this page. */
  users: User[];
  /** Cursor of the next page, or null on the last page. */
  next_cursor: string | null;
}

/** Content of a location message: a point on the map (WGS 84). */
export interface LocationContent {
  /** Latitude in degrees; north is positive. */
  latitude: number;
  /** Longitude in degrees; east is positive. */
  longitude: number;
  /** Name of the place. */
  title?: string | null;
}

/** Personal settings and state of the caller in a chat. Nobody else sees them. */
export interface Me {
  /** The caller's own title for the group, or null. */
  title: string | null;
  /** Position among the caller's pinned chats, from 1, or null if the chat is not pinned. */
  pinned: number | null;
  /** Time until which notifications are off, or null if the chat is not muted. */
  muted_until: string | null;
  /** Whether the caller archived the chat. A message from somebody else ends it, unless the chat is muted. */
  archived: boolean;
  /** All messages up to this `seq` are read. */
  read_seq: number;
  /** Number of unread messages: `message_count - read_seq`. */
  unread_count: number;
  /** Number of unread messages that mention the caller, among the newest 1,000 unread messages. */
  unread_mentions: number;
  /** `seq` of the first message that the caller may see. */
  first_seq: number;
  /** Role of the caller in the chat. */
  role: "creator" | "admin" | "member";
  /** When the caller joined the chat. */
  joined_at: string;
}

/** One member of a chat. */
export interface Member {
  /** The member's public profile. */
  user: User;
  /** The member's role in the chat. */
  role: "creator" | "admin" | "member";
  /** When the member joined the chat. */
  joined_at: string;
  /** ID of the person who added the member, or null. */
  added_by: string | null;
}

/** The people to add to a chat. */
export interface MemberAdd {
  /** ID of the chat. A private chat becomes a group. */
  chat_id: string;
  /** IDs of the people to add. People who are members already stay as they are. */
  user_ids: string[];
  /** Which earlier messages the new members see. In a chat created as a group: `all` (the default) or `none`. In a chat that was once private: always `none`. */
  history?: "all" | "none" | null;
}

/** The page of the member list to return. */
export interface MemberList {
  /** ID of the chat. */
  chat_id: string;
  /** Maximum number of members to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
}

/** One page of members, in the order in which they joined. */
export interface MemberPage {
  /** The members of this page. */
  members: Member[];
  /** Cursor of the next page, or null on the last page. */
  next_cursor: string | null;
}

/** The member to remove from a group. */
export interface MemberRemove {
  /** ID of the group. */
  chat_id: string;
  /** ID of the member to remove. */
  user_id: string;
}

/** The group after the removal. */
export interface MemberRemoved {
  /** The group, as the caller sees it. */
  chat: ChatView;
}

/** The group after the change. */
export interface MemberRoleSet {
  /** The group, as the caller sees it. */
  chat: ChatView;
}

/** The member and their new role. */
export interface MemberSetRole {
  /** ID of the group. */
  chat_id: string;
  /** ID of the member. */
  user_id: string;
  /** The new role. */
  role: "admin" | "member";
}

/** The chat and its new members. */
export interface MembersAdded {
  /** The chat, as the caller sees it. */
  chat: ChatView;
  /** IDs of the people who were not members before. */
  added: string[];
  /** IDs of the people whom the caller is not allowed to add. */
  not_added: string[];
}

/** Somebody came, went or was removed. */
export interface MembershipContent {
  /** What happened. */
  event: "member_added" | "member_removed" | "member_left";
  /** Whom it is about; who did it is the `sender_id`. */
  user_id: string;
}

/** One message. */
export interface MessageAnswer {
  /** The message, as it is now. */
  message: MessageView;
}

/** The message that the action is about. */
export interface MessageAt {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
}

/** The chat, and the version of it that the client has. */
export interface MessageChanges {
  /** ID of the chat. */
  chat_id: string;
  /** Version of the chat that the client has. Send 0 to get all messages. */
  version: number;
  /** `epoch` of the `session:ready` after which the client got its version. With it, the server refuses a version of another epoch. */
  epoch?: string | null;
  /** Maximum number of messages to return. */
  limit?: number;
}

/** The active chat of this connection has a new message. */
export interface MessageCreated {
  /** The new message. */
  message: Message;
  /** Number of messages in the chat, this one included. */
  message_count: number;
  /** Profile of the sender; for a system message, of the person who caused it. `last_seen_at` is null here. */
  sender: User;
}

/** The message to edit and its new content. */
export interface MessageEdit {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** New content. It must fit the type of the message. */
  content: TextContent | LocationContent | ContactContent | ImageContent | VideoContent | AudioContent | FileContent;
}

/** The message to forward, and the chat that gets it. */
export interface MessageForward {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** ID of the chat that gets the message. */
  to_chat_id: string;
  /** A UUID of the client's own for this send, as with `message:send`. */
  client_id: string;
}

/** A person liked a message, or took a like back. */
export interface MessageLiked {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** ID of the person who changed their like. */
  user_id: string;
  /** True if the person likes the message now, false if not. */
  liked: boolean;
  /** Number of people who like the message now. */
  like_count: number;
  /** New version of the chat, and of the message. */
  version: number;
}

/** The message, and the page of people who like it. */
export interface MessageLikes {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** Maximum number of people to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
}

/** The page of history to return. Give at most one of `before`, `after` and `around`; without one, the newest page. */
export interface MessageList {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** Return messages with a lower `seq` than this. */
  before?: number | null;
  /** Return messages with a higher `seq` than this. */
  after?: number | null;
  /** Return the message with this `seq` and the messages on both sides of it. */
  around?: number | null;
  /** Maximum number of messages to return. */
  limit?: number;
}

/** One page of history, in ascending order of `seq`. */
export interface MessagePage {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The messages of this page. */
  messages: MessageView[];
  /** Whether more messages exist beyond this page: older ones, for `after` newer ones, for `around` on either side. */
  has_more: boolean;
  /** Whether older messages exist before this page. */
  has_before: boolean;
  /** Whether newer messages exist after this page. */
  has_after: boolean;
}

/** A message was pinned. */
export interface MessagePinnedContent {
  /** What happened. */
  event: "message_pinned";
  /** Who pinned it. */
  user_id: string;
  /** `seq` of the pinned message. */
  seq: number;
}

/** The message and the emoji. */
export interface MessageReact {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** One emoji, such as `🎉` or `❤️`. */
  emoji: string;
}

/** A person reacted to a message, or took a reaction back. */
export interface MessageReacted {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** ID of the person who changed their reaction. */
  user_id: string;
  /** The emoji. */
  emoji: string;
  /** True if the person added the emoji, false if they took it back. */
  added: boolean;
  /** All reactions to the message now. */
  reactions: Reaction[];
  /** New version of the chat, and of the message. */
  version: number;
}

/** The page of reactions to return. */
export interface MessageReactions {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** Return only reactions with this emoji. */
  emoji?: string | null;
  /** Maximum number of reactions to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
}

/** All reactions to the message. */
export interface MessageReactionsNow {
  /** All reactions, the first emoji first. */
  reactions: ReactionView[];
}

/** The last message that the caller has read. */
export interface MessageRead {
  /** ID of the chat. */
  chat_id: string;
  /** Mark all messages up to this `seq` as read. A number above the newest `seq` means the newest. */
  seq: number;
}

/** The caller's read mark in the chat. */
export interface MessageReadUpTo {
  /** All messages up to this `seq` are read. It never moves back. */
  read_seq: number;
  /** Number of unread messages: `message_count - read_seq`. */
  unread_count: number;
}

/** The message, and the page of its readers to return. */
export interface MessageReaders {
  /** ID of the chat. */
  chat_id: string;
  /** `seq` of the message in the chat. */
  seq: number;
  /** Maximum number of people to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
}

/** The words to search for. */
export interface MessageSearch {
  /** Words and emoji that a message must contain, all of them. The last word may be incomplete if it has two letters or more. */
  query: string;
  /** ID of the only chat to search. Omit it to search all chats of the caller. */
  chat_id?: string | null;
  /** ID of the only sender to search for. */
  sender_id?: string | null;
  /** Types of the messages to search. Omit it for all types. */
  types?: ("text" | "image" | "video" | "audio" | "file" | "location" | "contact")[] | null;
  /** Only messages sent before this time. */
  before?: string | null;
  /** Only messages sent at this time or later. */
  after?: string | null;
  /** Maximum number of messages to return. */
  limit?: number;
  /** `next_cursor` of the previous page. Omit it for the first page. */
  cursor?: string | null;
}

/** A message to send. ``type`` decides which fields ``content`` has. */
export type MessageSend = SendText | SendImage | SendVideo | SendAudio | SendFile | SendLocation | SendContact;

/** The stored message. */
export interface MessageSent {
  /** The message, as it is now. */
  message: MessageView;
  /** True if a message with this `client_id` was stored before. Nothing new was stored then. */
  duplicate: boolean;
}

/** A message was edited or deleted. The event contains the whole message. */
export interface MessageUpdated {
  /** The message, as it is now. */
  message: Message;
}

/** Of which chat. */
export interface MessagesPinnedIn {
  /** The chat. */
  chat_id: string;
}

/** Nothing needs to be said. */
export type NoPayload = Record<string, never>;

/** It is done; there is nothing more to say. */
export type Nothing = Record<string, never>;

/** A mobile phone number with its country code. Spaces, brackets, dots and dashes are allowed. A number without a country code is read as a number of the server's own country. */
export type PhoneNumber = string;

/** The pinned messages of a chat that the caller may see. */
export interface PinnedMessages {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The messages, newest first. */
  messages: MessageView[];
}

/** The present state of the people whom the caller may watch. */
export interface PresenceAnswer {
  /** One entry for each person whom the caller may watch. The others are left out. */
  presence: PresenceUpdated[];
}

/** A person came online or went offline. A person who reconnects within a few seconds stays online. */
export interface PresenceUpdated {
  /** ID of the person. */
  user_id: string;
  /** Whether the person is connected now. */
  online: boolean;
  /** When the person was last connected, or null if never. */
  last_seen_at: string | null;
}

/** The people whose presence this connection watches. */
export interface PresenceWatch {
  /** IDs of the people to watch. It replaces the previous list. An empty list watches nobody. */
  user_ids: string[];
}

/** What a person lets others see and do. */
export interface Privacy {
  /** Who sees when you were last connected, and whether you are online: `shared` (who shares a chat with you) or `nobody`. */
  last_seen: "shared" | "nobody";
  /** Who may open a private chat with you or add you to a group: `everyone`, `shared` (who shares a group with you) or `nobody`. */
  messages_from: "everyone" | "shared" | "nobody";
  /** Whether your phone number finds you. */
  found_by_phone: boolean;
}

/** The profile of the caller: the public profile and the fields that only the caller sees. */
export interface Profile {
  /** ID of the person. */
  id: string;
  /** Name to show for the person. */
  display_name: string;
  /** Unique public name by which others can find the person, or null. */
  username: string | null;
  /** Short text of the person about themselves, or null. */
  about: string | null;
  /** Picture of the person, or null. */
  avatar: Avatar | null;
  /** When the person was last connected. Null if the caller shares no chat with them, across a block, or if the person shows it to nobody. */
  last_seen_at: string | null;
  /** Whether the account belongs to a program. */
  is_bot: boolean;
  /** Whether the account was deleted. Its messages stay. */
  is_deleted: boolean;
  /** Phone number in E.164 format. Only its owner sees it. */
  phone: string;
  /** When the person registered. */
  created_at: string;
  /** What the person lets others see and do. */
  privacy: Privacy;
}

/** A reaction: an emoji, and how many people reacted with it. */
export interface Reaction {
  /** The emoji. */
  emoji: string;
  /** Number of people who reacted with the emoji. */
  count: number;
}

/** A reaction of one person. */
export interface ReactionBy {
  /** The person who reacted. */
  user: User;
  /** The emoji. */
  emoji: string;
}

/** A reaction as one person sees it. */
export interface ReactionView {
  /** The emoji. */
  emoji: string;
  /** Number of people who reacted with the emoji. */
  count: number;
  /** Whether the caller reacted with the emoji. */
  mine: boolean;
}

/** A page of the reactions to a message, in the order in which they were added. */
export interface ReactionsPage {
  /** The reactions. */
  reactions: ReactionBy[];
  /** For the next page; null on the last. */
  next_cursor: string | null;
}

/** A member who has read the message. */
export interface Reader {
  /** Profile of the member. */
  user: User;
}

/** One page of the members who have read a message, in the order in which they joined the chat. */
export interface ReadersPage {
  /** The readers of this page. */
  users: Reader[];
  /** Cursor of the next page, or null on the last page. */
  next_cursor: string | null;
}

/**
 * Why a chat was updated.
 *
 * `archived` and `message_pinned` also tell of the opposite: the chat says how it is now.
 */
export type Reason = "created" | "message" | "edited" | "message_deleted" | "liked" | "reacted" | "became_group" | "member_added" | "member_removed" | "member_left" | "transferred" | "updated" | "role_changed" | "message_pinned" | "reconciled" | "renamed" | "pinned" | "unpinned" | "muted" | "archived" | "cleared" | "read" | "activated";

/** A file: what was sent with it, and what the server knows of it. */
export interface ReceivedFile {
  /** ID of the file. */
  file_id: string;
  /** What it is called. */
  name: string;
  /** Its media type, as its bytes say. */
  mime: string;
  /** In bytes. */
  size: number;
  /** Where it is. */
  url: string;
  /** A text below it. */
  caption?: string | null;
  /** In pixels, as it is to be shown. */
  width?: number | null;
  /** In pixels. */
  height?: number | null;
  /** In seconds, as the uploader said. */
  duration?: number | null;
  /** Where a small picture of it is. */
  thumbnail?: string | null;
  /** The same, as `url` is. */
  thumbnail_url?: string | null;
  /** BlurHash, to show until the picture is there. */
  blurhash?: string | null;
}

/** Why somebody lost a chat. */
export type Removal = "deleted" | "left" | "removed";

/** What to report: a message, a chat or a person. */
export interface ReportCreate {
  /** The chat. */
  chat_id?: string | null;
  /** The message, if it is about one. Needs `chat_id`. */
  seq?: number | null;
  /** The person, if it is about one. */
  user_id?: string | null;
  /** What is wrong. */
  reason: "spam" | "abuse" | "illegal" | "other";
  /** More about it, in your own words. */
  comment?: string | null;
}

/** One page of matching messages, newest first. A page may be short or empty: continue until `next_cursor` is null. */
export interface SearchPage {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The messages of this page. */
  messages: MessageView[];
  /** For each message, in the same order: `[offset, length]` of every match in its text (the caption of a file, the title of a place, the name of a contact), in characters: Unicode code points, in JavaScript those of `Array.from(text)`. */
  highlights: unknown[][][];
  /** Cursor of the next page, or null on the last page. */
  next_cursor: string | null;
}

/** An audio file or a voice message to send. */
export interface SendAudio {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "audio";
  /** The uploaded audio, its caption and duration. */
  content: AudioContent;
}

/** A contact card to send. */
export interface SendContact {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "contact";
  /** The contact card. */
  content: ContactContent;
}

/** A file of any type to send. */
export interface SendFile {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "file";
  /** The uploaded file and its caption. */
  content: FileContent;
}

/** An image to send. */
export interface SendImage {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "image";
  /** The uploaded image and its caption. */
  content: ImageContent;
}

/** A location to send. */
export interface SendLocation {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "location";
  /** The location. */
  content: LocationContent;
}

/** A text message to send. */
export interface SendText {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "text";
  /** The text. */
  content: TextContent;
}

/** A video to send. */
export interface SendVideo {
  /** ID of the chat. Omit it to use the active chat. */
  chat_id?: string | null;
  /** A UUID that the client generates for this message. A retry with the same UUID, at any time and from any device, returns the stored message instead of storing another. */
  client_id: string;
  /** `seq` of the message in the same chat that this one replies to. */
  reply_to?: number | null;
  /** IDs of the chat members that the message mentions. */
  mentions?: string[];
  /** An object of your application's own, at most 4,096 bytes of JSON. */
  metadata?: Record<string, unknown> | null;
  /** Type of the message. */
  type: "video";
  /** The uploaded video, its caption, size and duration. */
  content: VideoContent;
}

/** The process is about to end: what was sent is still answered, then the connection closes. Connect again. */
export interface ServerDraining {
  /** Seconds over which clients should spread their return, each at a random moment. */
  reconnect_within: number;
}

/** The access token expires in one minute. Refresh it and send ``session:refresh`` to keep the connection open. */
export interface SessionExpiring {
  /** When the token expires and the server closes the connection. */
  expires_at: string;
}

/** Somebody signed in as you on another device. If it was not you, end that session and set a PIN. */
export interface SessionOpened {
  /** ID of the new login session. */
  session_id: string;
  /** Name that the device gave itself. */
  device_name: string | null;
  /** When it signed in. */
  created_at: string;
}

/** The first event of every connection: the signed-in user, the login session and the limits of the server. */
export interface SessionReady {
  /** The user of this connection, with the fields that only they see. */
  user: Profile;
  /** ID of the login session (one device). */
  session_id: string;
  /** ID of the active chat of this connection, or null if there is none. */
  active_chat_id: string | null;
  /** Name of the history of the database. If it differs from the last one, a backup was restored: delete all local chats, messages, versions and cursors, and start again. */
  epoch: string;
  /** The server's clock. */
  server_time: string;
  /** The limits of this server, by name. They are explained in the guide. */
  limits: Limits;
  /** What the operator announces to everybody now. Later ones come as `server:announcement`. */
  announcements: Announcement[];
  /** Unread totals over all chats. */
  unread: Unread;
}

/** A new access token for this connection. */
export interface SessionRefresh {
  /** The new access token, of the same person and the same login session. */
  token: string;
}

/** The connection stays open with the new token. */
export interface SessionRefreshed {
  /** When the new token expires. */
  expires_at: string;
}

/** The server closes the connection after this event. If the login session has ended, sign in again. */
export interface SessionRevoked {
  /** Why: the login session ended (`logged_out`, `ended_elsewhere`, `token_reused`, `account_deleted`, `banned`, `ended_by_operator`), or this connection alone (`token_expired`; `too_many_connections`, as a newer one replaced it; `closed_by_operator`). */
  reason: string;
}

/** Where the last synchronisation ended. */
export interface SessionSync {
  /** `cursor` of the last answer. Omit it to get all chats. */
  cursor?: string | null;
  /** Maximum number of chats to return. */
  limit?: number;
}

/** The chats that changed since the cursor. */
export interface SessionSynced {
  /** Profiles of the people in this answer, by user ID: the senders of its messages, the people that its system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. Deleted accounts are included. */
  users: Record<string, User>;
  /** The chats that changed, as they are now. */
  chats: ChatView[];
  /** IDs of the chats that the caller is no longer a member of. */
  removed_chat_ids: string[];
  /** Cursor for the next call. Store it. */
  cursor: string;
  /** Whether there are more changes to fetch now. */
  has_more: boolean;
}

/** Content of a text message. */
export interface TextContent {
  /** The text. The server stores it unchanged. */
  text: string;
}

/** The group has another title. */
export interface TitleChangedContent {
  /** What happened. */
  event: "title_changed";
  /** Who changed it. */
  user_id: string;
  /** The new title. */
  title: string;
}

/** Unread totals over all chats of the caller that are not muted, for a badge. */
export interface Unread {
  /** Number of chats with unread messages. */
  chats: number;
  /** Number of unread messages. */
  messages: number;
  /** Number of unread messages that mention the caller. */
  mentions: number;
}

/** The public profile of a person. It never contains the phone number. */
export interface User {
  /** ID of the person. */
  id: string;
  /** Name to show for the person. */
  display_name: string;
  /** Unique public name by which others can find the person, or null. */
  username: string | null;
  /** Short text of the person about themselves, or null. */
  about: string | null;
  /** Picture of the person, or null. */
  avatar: Avatar | null;
  /** When the person was last connected. Null if the caller shares no chat with them, across a block, or if the person shows it to nobody. */
  last_seen_at: string | null;
  /** Whether the account belongs to a program. */
  is_bot: boolean;
  /** Whether the account was deleted. Its messages stay. */
  is_deleted: boolean;
}

/** The people to find, by exactly one of `phones` and `username`. */
export interface UserFind {
  /** Phone numbers, in any common format. */
  phones?: PhoneNumber[] | null;
  /** A username. Upper and lower case are the same. */
  username?: string | null;
}

/** The person that the action is about. */
export interface UserNamed {
  /** ID of the person. */
  user_id: string;
}

/** A person changed their name, username, text about themselves or picture, or deleted the account. */
export interface UserUpdated {
  /** The public profile, as it is now. */
  user: User;
}

/** The people who were found. */
export interface UsersFound {
  /** The people who were found. People who were not found are left out. */
  users: FoundUser[];
}

/** Content of a video message. */
export interface VideoContent {
  /** `id` from the answer of `POST /v1/files`. */
  file_id: string;
  /** Text shown below the file. */
  caption?: string | null;
  /** File name to show. Omit it to keep the uploaded name. */
  name?: string | null;
  /** Duration in seconds. Omit it to keep the duration given at the upload. */
  duration?: number | null;
  /** Width in pixels. */
  width?: number | null;
  /** Height in pixels. */
  height?: number | null;
}

/** An announcement. */
export interface AdminAnnouncement {
  /** The text. */
  text: string;
  /** How important it is. */
  level: "info" | "warning" | "critical";
  /** When it ends. If it is in the past, the operator took the announcement back. */
  until: string;
  /** ID of the announcement. */
  id: string;
}

/** An open Socket.IO connection. */
export interface AdminConnection {
  /** ID of the connection, as in the log. */
  id: string;
  /** The session that it belongs to. */
  session_id: string;
  /** Network address of the client. */
  address: string;
  /** The chat on its screen, or null. */
  active_chat_id: string | null;
}

/** A device that is signed in. */
export interface AdminSession {
  /** ID of the session, `sid` in its access tokens. */
  id: string;
  /** Name that the device gave itself. */
  device_name: string | null;
  /** When it signed in. */
  created_at: string;
  /** When it was last used. */
  last_seen_at: string;
}

/** A person as operators see them. */
export interface AdminUser {
  /** ID of the person. */
  id: string;
  /** Phone number. Null once the account is deleted. */
  phone: string | null;
  /** Name that others see. */
  display_name: string;
  /** Username, or null. */
  username: string | null;
  /** A line about themselves, or null. */
  about: string | null;
  /** Picture, or null. */
  avatar: Avatar | null;
  /** When they registered. */
  created_at: string;
  /** When they last disconnected. */
  last_seen_at: string | null;
  /** When the account was deleted, or null. */
  deleted_at: string | null;
  /** Devices that are signed in. */
  session_count: number;
  /** Chats that they are in. */
  chat_count: number;
  /** Whether their number is banned. */
  is_banned: boolean;
}

/** A person with everything that an operator may end. */
export interface AdminUserDetails {
  /** The person. */
  user: AdminUser;
  /** Devices that are signed in; the one used last comes first. */
  sessions: AdminSession[];
  /** Connections that are open now. */
  connections: AdminConnection[];
  /** Bans of their number that hold. */
  bans: Ban[];
}

/** People who were found. */
export interface AdminUsers {
  /** Who registered last comes first; 50 at most. */
  users: AdminUser[];
}

/** What to tell everybody. */
export interface AnnouncementCreate {
  /** The text. */
  text: string;
  /** How important it is. */
  level?: "info" | "warning" | "critical";
  /** When it ends; null: in 24 hours. */
  until?: string | null;
}

/** What is announced now. */
export interface AnnouncementList {
  /** Those that have not ended, the oldest first. */
  announcements: AdminAnnouncement[];
}

/** One call of an operator. */
export interface AuditLogEntry {
  /** ID of the entry. */
  id: string;
  /** When. */
  created_at: string;
  /** Who: the name of the key. */
  key_name: string;
  /** What. */
  action: string;
  /** On whom or what, or null. */
  target: string | null;
  /** From where: the network address. */
  address: string | null;
  /** The log lines of the call have it. */
  request_id: string | null;
  /** What it was before, where that says something. */
  before: Record<string, unknown> | null;
  /** What it is now, where that says something. */
  after: Record<string, unknown> | null;
}

/** The log, newest first. */
export interface AuditPage {
  /** The entries. */
  entries: AuditLogEntry[];
  /** Where the next page begins; null: there is none. */
  next_cursor: string | null;
}

/** A ban of a number (with the person who had it) or of a range of addresses. */
export interface Ban {
  /** ID of the ban. */
  id: string;
  /** The number, or null. */
  phone: string | null;
  /** The person who had the number, or null. */
  user_id: string | null;
  /** The range of addresses, or null. */
  network: string | null;
  /** Why, or null. */
  reason: string | null;
  /** Name of the key. */
  created_by: string;
  /** When it was made. */
  created_at: string;
  /** When it ends by itself, or null. */
  expires_at: string | null;
  /** When it was lifted, or null. */
  lifted_at: string | null;
}

/** Whom to ban: exactly one of `user_id`, `phone` and `network`. */
export interface BanCreate {
  /** A person. Their number is banned, too. */
  user_id?: string | null;
  /** A phone number, registered or not. */
  phone?: PhoneNumber | null;
  /** An IP address, or a range of them. */
  network?: string | null;
  /** Why; for operators only. */
  reason?: string | null;
  /** When it ends by itself; null: when it is lifted. */
  expires_at?: string | null;
}

/** Bans, newest first. */
export interface BanPage {
  /** The bans. */
  bans: Ban[];
  /** Where the next page begins; null: there is none. */
  next_cursor: string | null;
}

/**
 * The solution of `details.challenge` of a `rate_limited` answer.
 *
 * For `pow`: text with which the SHA-256 of `<nonce>.<solution>` begins with `bits` zero bits. For `hcaptcha` and `turnstile`: the token of their widget, without `nonce`.
 */
export interface ChallengeSolution {
  /** `nonce` of a `pow` challenge. */
  nonce?: string | null;
  /** The solution. */
  solution: string;
}

/** Where to send a code. */
export interface CodeRequest {
  /** A phone number in any usual spelling. */
  phone: PhoneNumber;
  /** When the last answer was `rate_limited` with `details.challenge`: its solution. */
  challenge?: ChallengeSolution | null;
}

/** A code is on its way. */
export interface CodeSent {
  /** The number in E.164. */
  phone: string;
  /** ID of this request. Send it with the code; the code works only together with it. Keep it to yourself. */
  verification_id: string;
  /** Seconds until the code expires. */
  expires_in: number;
  /** Seconds until another code may be asked for. */
  retry_after: number;
  /** The code itself, in development only. */
  code?: string | null;
}

/** Why the current state forbids the request. */
export interface ConflictDetails {
  /** The stable word. */
  reason: ConflictReason;
}

/** A login session: one device that signed in. */
export interface Device {
  /** ID of the session, `sid` in its access tokens. */
  id: string;
  /** Name that the device gave itself. */
  device_name: string | null;
  /** When it signed in. */
  created_at: string;
  /** When it last refreshed its tokens or disconnected. */
  last_seen_at: string;
  /** Whether it is the session of this request. */
  current: boolean;
}

/** Where the caller is signed in. */
export interface Devices {
  /** The device used last comes first. */
  sessions: Device[];
}

/** An attachment. It never changes. */
export interface File {
  /** ID of the file, for `content.file_id` of a message. */
  id: string;
  /** Message type that it can have, besides `file`: `image` (JPEG, PNG, WebP, GIF), `video`, `audio`. */
  kind: Kind;
  /** Name of the uploaded file. */
  name: string;
  /** Media type of its downloads. */
  mime: string;
  /** Size in bytes. */
  size: number;
  /** Of an image: width in pixels, when it is upright. */
  width: number | null;
  /** Of an image: height in pixels, when it is upright. */
  height: number | null;
  /** Of audio and video: duration in seconds, as declared at the upload. */
  duration: number | null;
  /** Of an image: its BlurHash, a placeholder (blurha.sh). */
  blurhash: string | null;
  /** Signed URL of the file, relative to the server. It needs no header, and ends after 6 to 12 hours. */
  url: string;
  /** The same as `thumbnail_url`. */
  thumbnail: string | null;
  /** Of an image: signed URL of a small copy. */
  thumbnail_url: string | null;
  /** When it was uploaded. */
  created_at: string;
}

/** The process is well. */
export interface Health {
  /** Always `ok`: everything else is an error response. */
  status?: "ok";
}

/** What a file can be sent as. Every file can be sent as `file`. */
export type Kind = "image" | "video" | "audio" | "file";

/** What was not found. An object that the caller may not see gets the same answer as one that does not exist. */
export interface NotFoundDetails {
  /** The field of the request (over HTTP also of the path) that names it. */
  field: string;
}

/** A PIN: digits, or a passphrase. */
export interface Pin {
  /** The PIN. */
  pin: string;
}

/** What others may see and do. Fields that are left out stay as they are. */
export interface PrivacyChange {
  /** Who sees when you were last connected, and whether you are online: `shared` (who shares a chat with you) or `nobody`. */
  last_seen?: "shared" | "nobody";
  /** Who may open a private chat with you or add you to a group: `everyone`, `shared` (who shares a group with you) or `nobody`. */
  messages_from?: "everyone" | "shared" | "nobody";
  /** Whether your phone number finds you. */
  found_by_phone?: boolean;
}

/** The body of every error response (RFC 9457). Programs look at `code`. */
export interface Problem {
  /** A URI for the code. */
  type: string;
  /** Meaning of the code. */
  title: string;
  /** The HTTP status again. */
  status: number;
  /** What went wrong, in words for people. */
  detail: string;
  /** Stable error code for programs. */
  code: ErrorCode;
  /** ID of the request, as in `X-Request-ID`. The server's log lines carry it. */
  request_id: string;
  /** By code. `validation_failed`: every fault. `conflict`: the `reason`. `not_found`: the `field` whose object was not found; absent for an unknown path. `rate_limited`: the `challenge`, where solving one helps. */
  details?: ConflictDetails | NotFoundDetails | RateLimitedDetails | ValidationDetails;
  /** Seconds to wait, as in `Retry-After`. */
  retry_after?: number | null;
}

/** Fields to change. Fields that are left out stay as they are. */
export interface ProfileChange {
  /** Name that others see. */
  display_name?: string;
  /** A public name by which others find you: 5 to 32 Latin letters, digits and underscores, a letter first. No two people have the same, whatever the case. Some are reserved, like `support`. `null`: none. */
  username?: string | null;
  /** A line about yourself. `null`, or an empty one: none. */
  about?: string | null;
  /** What others may see and do. */
  privacy?: PrivacyChange;
}

/** What helps instead of waiting. Only `POST /v1/auth/codes` answers it, if `MOLVA_CHALLENGE` is set. */
export interface RateLimitedDetails {
  /** Repeat the request with its solution as `challenge`. */
  challenge: {
  /** A proof of work, or a service whose widget the client shows. */
  type: "pow" | "hcaptcha" | "turnstile";
  /** Of `pow`: send it back. */
  nonce?: string;
  /** Of `pow`: with how many zero bits the SHA-256 of `<nonce>.<solution>` must begin. */
  bits?: number;
  /** Of a service: its public key. */
  site_key?: string;
};
}

/** A refresh token. Each is good for one use. */
export interface Refresh {
  /** The newest refresh token of the session. */
  refresh_token: string;
}

/** What somebody reported, as it was then, and what became of it. */
export interface Report {
  /** ID of the report. */
  id: string;
  /** Who reported it. */
  reporter_id: string;
  /** `spam`, `abuse`, `illegal` or `other`. */
  reason: string;
  /** More about it, or null. */
  comment: string | null;
  /** The chat, or null. */
  chat_id: string | null;
  /** The message, or null. */
  seq: number | null;
  /** The person; of a message, its sender. Null for a chat. */
  user_id: string | null;
  /** The message, chat and person, as they were when it was reported. */
  reported: Record<string, unknown>;
  /** When it was reported. */
  created_at: string;
  /** When it was settled; null: it is open. */
  settled_at: string | null;
  /** Name of the key, or null. */
  settled_by: string | null;
  /** `acted`, `dismissed` or null. */
  outcome: string | null;
  /** What the operator wrote, or null. */
  note: string | null;
}

/** Reports, newest first. */
export interface ReportPage {
  /** The reports. */
  reports: Report[];
  /** Where the next page begins; null: there is none. */
  next_cursor: string | null;
}

/** How long messages of a chat, or of all chats, are kept. */
export interface RetentionRule {
  /** The chat; null: all chats without a rule of their own. */
  chat_id: string | null;
  /** Days; null: for ever. */
  message_days: number | null;
  /** Days for messages with a file; null: as others. */
  media_days: number | null;
}

/** Every rule. */
export interface RetentionRules {
  /** That of all chats comes first. */
  rules: RetentionRule[];
}

/** A rule. Without any days the rule is deleted. */
export interface RetentionSet {
  /** The chat; null: all chats without a rule of their own. */
  chat_id?: string | null;
  /** Messages that are older are deleted; null: they stay. */
  message_days?: number | null;
  /** The same for messages with a picture, a video, a sound or a file; null: as other messages. */
  media_days?: number | null;
}

/** How many devices were signed out. */
export interface SessionsEnded {
  /** Number of sessions that ended. */
  ended: number;
}

/** What became of a report. */
export interface Settlement {
  /** Whether something was done about it. */
  outcome: "acted" | "dismissed";
  /** What was done; for operators only. */
  note?: string | null;
}

/** A phone number and the code that was sent to it. */
export interface SignIn {
  /** The number that the code was sent to. */
  phone: PhoneNumber;
  /** The code. */
  code: string;
  /** `verification_id` of the answer to `POST /v1/auth/codes`. Required, but for development: there the newest code of the number is meant without it. */
  verification_id?: string | null;
  /** Name of this device in the list of sessions. */
  device_name?: string | null;
  /** Name of a new user. It changes nothing for who is registered. */
  display_name?: string | null;
  /** The PIN, if the account has one. */
  pin?: string | null;
}

/** A pair of tokens and the profile of the person who signed in. */
export interface SignedIn {
  /** For `Authorization: Bearer` and the socket. */
  access_token: string;
  /** Scheme of the `Authorization` header. */
  token_type?: "Bearer";
  /** Seconds until the access token expires. */
  expires_in: number;
  /** For the next pair of tokens. It is good for one use. */
  refresh_token: string;
  /** Seconds until the refresh token expires. */
  refresh_expires_in: number;
  /** Profile of the person who signed in, with the phone. */
  user: Profile;
  /** Whether this request registered them. */
  is_new_user: boolean;
}

/** A pair of tokens. */
export interface Tokens {
  /** For `Authorization: Bearer` and the socket. */
  access_token: string;
  /** Scheme of the `Authorization` header. */
  token_type?: "Bearer";
  /** Seconds until the access token expires. */
  expires_in: number;
  /** For the next pair of tokens. It is good for one use. */
  refresh_token: string;
  /** Seconds until the refresh token expires. */
  refresh_expires_in: number;
}

/** Public profiles. */
export interface Users {
  /** Those who exist, in the order asked for. */
  users: User[];
}

/** Every fault of the request. */
export type ValidationDetails = ({
  /** The field, with dots between its parts; empty for the whole request. */
  path: string;
  /** What is wrong with it, for a person; it may change. */
  message: string;
})[];

export interface RestCalls {
  /** Send a one-time code to a phone */
  "POST /v1/auth/codes": { body: CodeRequest; answer: CodeSent };
  /** Sign in with the code; the first time, this registers you */
  "POST /v1/auth/tokens": { body: SignIn; answer: SignedIn };
  /** Replace both tokens */
  "POST /v1/auth/tokens/refresh": { body: Refresh; answer: Tokens };
  /** List the devices you are signed in on */
  "GET /v1/auth/sessions": { body: null; answer: Devices };
  /** Sign this device out */
  "DELETE /v1/auth/sessions/current": { body: null; answer: null };
  /** Sign every other device of yours out */
  "DELETE /v1/auth/sessions/others": { body: null; answer: null };
  /** Sign one of your devices out; its sockets are closed at once */
  "DELETE /v1/auth/sessions/{session_id}": { body: null; answer: null };
  /** Your own profile */
  "GET /v1/me": { body: null; answer: Profile };
  /** Delete your account, for good */
  "DELETE /v1/me": { body: null; answer: null };
  /** Change your name, username, the line about you, or your privacy */
  "PATCH /v1/me": { body: ProfileChange; answer: Profile };
  /** Protect your account with a PIN, or change it */
  "PUT /v1/me/pin": { body: Pin; answer: null };
  /** Remove your PIN */
  "DELETE /v1/me/pin": { body: null; answer: null };
  /** Public profiles of several people at once */
  "GET /v1/users": { body: null; answer: Users };
  /** A person's public profile */
  "GET /v1/users/{user_id}": { body: null; answer: Profile | User };
  /** Set your picture */
  "PUT /v1/me/avatar": { body: {
  /** JPEG, PNG, WebP or GIF (its first frame) in base64, bare or as a data URL. The format is read from the bytes, not from the URL. */
  image: string;
}; answer: Profile };
  /** Remove your picture */
  "DELETE /v1/me/avatar": { body: null; answer: null };
  /** Set the picture of a group, like a person's */
  "PUT /v1/chats/{chat_id}/avatar": { body: {
  /** JPEG, PNG, WebP or GIF (its first frame) in base64, bare or as a data URL. The format is read from the bytes, not from the URL. */
  image: string;
}; answer: ChatView };
  /** Remove the picture of a group */
  "DELETE /v1/chats/{chat_id}/avatar": { body: null; answer: null };
  /** Download one size of a picture */
  "GET /v1/avatars/{avatar_id}/{size}": { body: null; answer: null };
  /** Download everything of yours as a ZIP archive: profile, devices, blocked people, chats, messages, likes, reactions, */
  "GET /v1/me/export": { body: null; answer: null };
  /** Upload a file, to be sent in a message */
  "POST /v1/files": { body: null; answer: File };
  /** Download a file, or the part that Range names */
  "GET /v1/files/{file_id}": { body: null; answer: null };
  /** Download a small copy of an image, at most 320 pixels wide and high */
  "GET /v1/files/{file_id}/thumbnail": { body: null; answer: null };
  /** Find people */
  "GET /v1/admin/users": { body: null; answer: AdminUsers };
  /** Show a person, their devices, their open connections and their bans */
  "GET /v1/admin/users/{user_id}": { body: null; answer: AdminUserDetails };
  /** Delete somebody's account for good, as DELETE /v1/me does */
  "DELETE /v1/admin/users/{user_id}": { body: null; answer: null };
  /** Sign a person out on all devices */
  "DELETE /v1/admin/users/{user_id}/sessions": { body: null; answer: SessionsEnded };
  /** Sign a person out on one device */
  "DELETE /v1/admin/users/{user_id}/sessions/{session_id}": { body: null; answer: null };
  /** Close one connection of a person, with closed_by_operator */
  "DELETE /v1/admin/users/{user_id}/connections/{connection_id}": { body: null; answer: null };
  /** Download everything of a person, as GET /v1/me/export gives it to themselves */
  "GET /v1/admin/users/{user_id}/export": { body: null; answer: null };
  /** Ban a person, a phone number, or a range of network addresses */
  "POST /v1/admin/bans": { body: BanCreate; answer: Ban };
  /** List bans, newest first */
  "GET /v1/admin/bans": { body: null; answer: BanPage };
  /** Lift a ban */
  "DELETE /v1/admin/bans/{ban_id}": { body: null; answer: Ban };
  /** Delete a message, whoever wrote it */
  "DELETE /v1/admin/chats/{chat_id}/messages/{seq}": { body: null; answer: null };
  /** Delete a chat for all its members */
  "DELETE /v1/admin/chats/{chat_id}": { body: null; answer: null };
  /** List what people reported, newest first */
  "GET /v1/admin/reports": { body: null; answer: ReportPage };
  /** Write down what became of a report */
  "POST /v1/admin/reports/{report_id}/settle": { body: Settlement; answer: Report };
  /** List what is announced now */
  "GET /v1/admin/announcements": { body: null; answer: AnnouncementList };
  /** Tell everybody who is online, with the event server:announcement, and who connects until it ends */
  "POST /v1/admin/announcements": { body: AnnouncementCreate; answer: AdminAnnouncement };
  /** Take an announcement back */
  "DELETE /v1/admin/announcements/{announcement_id}": { body: null; answer: null };
  /** List how long messages are kept */
  "GET /v1/admin/retention": { body: null; answer: RetentionRules };
  /** Set how long messages are kept, in one chat or in all */
  "PUT /v1/admin/retention": { body: RetentionSet; answer: RetentionRule };
  /** Read what operators did, newest first */
  "GET /v1/admin/audit": { body: null; answer: AuditPage };
}

export interface ClientToServerEvents {
  /**
   * List the caller's chats, one page at a time.
   *
   * Pinned chats come first, by position. The others follow, newest first. Archived chats are a separate list.
   */
  "chat:list": (payload: ChatList, ack: (answer: Ack<ChatPage>) => void) => void;
  /** Return one chat, as the caller sees it. */
  "chat:get": (payload: ChatGet, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Create the private chat with another person, or return the existing one.
   *
   * Two people have at most one private chat. A second call returns the same chat, also when both people call at once. If
   * the other person cannot be reached, the reason ``peer_unavailable`` does not say why.
   */
  "chat:create_private": (payload: ChatCreatePrivate, ack: (answer: Ack<ChatCreated>) => void) => void;
  /**
   * Make a chat the active one of this connection, or none.
   *
   * The active chat is the one on the screen. Its new messages arrive as ``message:created``, and it is the default chat of
   * ``message:send`` and ``message:list``. Each connection has its own active chat. The login session remembers the last
   * one, and the next connection of the session begins with it. It becomes null when the caller is no longer a member.
   * Over HTTP, where no events arrive, the action sets what the session remembers.
   */
  "chat:activate": (payload: ChatActivate, ack: (answer: Ack<ChatActivated>) => void) => void;
  /**
   * Receive the events of these chats on this connection too, as if they were active.
   *
   * This is for a client that shows several chats at once. The list replaces the previous one; an empty list ends it. The
   * answer leaves out chats that the caller is not a member of. A chat that the caller loses later drops out of the list.
   * Over HTTP, where no events arrive, the action only returns the chats.
   */
  "chat:watch": (payload: ChatWatch, ack: (answer: Ack<ChatsWatched>) => void) => void;
  /**
   * Change what a group shows to all its members: title, description, metadata. The creator and admins may.
   *
   * A new title is told by a system message, `title_changed`. For a name of one's own there is `chat:rename`.
   */
  "chat:update": (payload: ChatUpdate, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Create a group. The caller becomes its creator.
   *
   * With a ``client_id`` a retry is safe: it returns the group that was created before. People whom the caller may not add
   * are left out. ``not_added`` lists them, without the reason.
   */
  "chat:create_group": (payload: ChatCreateGroup, ack: (answer: Ack<GroupCreated>) => void) => void;
  /**
   * Leave a group. If the caller has left it already, nothing changes.
   *
   * The creator cannot leave: transfer the group to another member first, or delete it.
   */
  "chat:leave": (payload: ChatLeave, ack: (answer: Ack<Nothing>) => void) => void;
  /** Make another member the creator of the group. The caller becomes an admin. */
  "chat:transfer": (payload: ChatTransfer, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Delete a group for all members.
   *
   * The group disappears at once. The server removes its messages in the background.
   */
  "chat:delete": (payload: ChatGet, ack: (answer: Ack<Nothing>) => void) => void;
  /** Set the caller's own title for a group. Nobody else sees it. Null removes it. */
  "chat:rename": (payload: ChatRename, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Turn off the notifications of a chat until a given time, or on again with null.
   *
   * Events of the chat still arrive.
   */
  "chat:mute": (payload: ChatMute, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Pin a chat to the top of the caller's chat list.
   *
   * Without ``position`` it goes above the other pinned chats. At most 10 chats can be pinned. An archived chat that is
   * pinned is archived no longer.
   */
  "chat:pin": (payload: ChatPin, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /** Unpin a chat. If it is not pinned, nothing changes. */
  "chat:unpin": (payload: ChatGet, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Archive a chat: take it out of the caller's chat list, and unpin it.
   *
   * `chat:list` returns it with `archived: true`. A message from somebody else brings it back, unless the chat is muted.
   */
  "chat:archive": (payload: ChatGet, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /** Put an archived chat back into the caller's chat list. If it is not archived, nothing changes. */
  "chat:unarchive": (payload: ChatGet, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Remove the history of a chat, for the caller only: `me.first_seq` moves behind the newest message.
   *
   * All messages count as read. This cannot be undone.
   */
  "chat:clear": (payload: ChatClear, ack: (answer: Ack<ChatAnswer>) => void) => void;
  /**
   * Tell the other members that the caller is typing.
   *
   * Send it again every few seconds while the caller types. Members receive it while the chat is their active chat. It is
   * not passed on between two people if one of them has blocked the other.
   */
  "chat:typing": (payload: ChatGet, ack: (answer: Ack<Nothing>) => void) => void;
  /**
   * Make fresh URLs of a file, for when those in a message have ended.
   *
   * The file must be yours or in a message that you may see.
   */
  "file:url": (payload: FileAt, ack: (answer: Ack<FileUrl>) => void) => void;
  /** Make an invite to a group; whoever has its code may join. The creator and admins may. At most 50 at a time. */
  "invite:create": (payload: InviteCreate, ack: (answer: Ack<InviteAnswer>) => void) => void;
  /** The invites of a group that still let people in, newest first. The creator and admins may. */
  "invite:list": (payload: InviteList, ack: (answer: Ack<Invites>) => void) => void;
  /** End an invite: nobody joins by it any more. The creator and admins may. A revoked invite stays so. */
  "invite:revoke": (payload: InviteCode, ack: (answer: Ack<Nothing>) => void) => void;
  /** What the group behind an invite shows, before one joins. */
  "invite:preview": (payload: InviteCode, ack: (answer: Ack<InvitePreview>) => void) => void;
  /**
   * Join a group by an invite. A member gets the chat, and the invite is not used up.
   *
   * A newcomer sees the whole history, but of a chat that was private once only what comes after.
   */
  "invite:accept": (payload: InviteCode, ack: (answer: Ack<InviteAccepted>) => void) => void;
  /** List the members of a chat, in the order in which they joined. */
  "member:list": (payload: MemberList, ack: (answer: Ack<MemberPage>) => void) => void;
  /**
   * Add people to a chat. Any member may do this.
   *
   * A private chat becomes a group: the id, the messages and the pins stay, and ``creator_id`` is still the person who
   * created the chat. The title is made of the names of the members. The new members see only later messages. The first two
   * members may create a new private chat. If the other person has deleted their account, they leave the group and the
   * caller becomes its creator. If one of the two has blocked the other, the chat stays private.
   *
   * People whom the caller is not allowed to add are not added. ``not_added`` lists them, without the reason.
   */
  "member:add": (payload: MemberAdd, ack: (answer: Ack<MembersAdded>) => void) => void;
  /**
   * Remove a member from a group. They receive nothing that is sent after the removal.
   *
   * The creator can remove any other member, an admin only members who are not admins. An invite does not let a removed
   * person in again. If the person has left or was removed already, nothing changes.
   */
  "member:remove": (payload: MemberRemove, ack: (answer: Ack<MemberRemoved>) => void) => void;
  /**
   * Make a member of a group an admin, or an admin a member again.
   *
   * Admins can change the title, description, metadata and picture, pin messages, delete messages of others, create
   * invites, and remove members who are not admins.
   */
  "member:set_role": (payload: MemberSetRole, ack: (answer: Ack<MemberRoleSet>) => void) => void;
  /**
   * Send a message. The ack means that the message is stored.
   *
   * ``client_id`` makes a retry safe: with the same ``client_id`` the server stores nothing and returns the first message
   * with ``duplicate: true``. The same ``client_id`` with another body is a ``conflict``. Sending also marks all messages
   * up to the sent one as read.
   */
  "message:send": (payload: MessageSend, ack: (answer: Ack<MessageSent>) => void) => void;
  /**
   * Return one page of the history of a chat, in ascending order of ``seq``.
   *
   * Without ``before``, ``after`` and ``around`` it is the newest page. Messages before the caller's ``first_seq`` do not
   * exist for them. A page ``around`` a message is half before it and half from it on. If one side has fewer messages, the
   * other side fills the page.
   */
  "message:list": (payload: MessageList, ack: (answer: Ack<MessagePage>) => void) => void;
  /** Mark all messages up to ``seq`` as read. The read mark only moves forward. */
  "message:read": (payload: MessageRead, ack: (answer: Ack<MessageReadUpTo>) => void) => void;
  /**
   * Return the messages that are new, edited, deleted or liked since the client's version of the chat.
   *
   * Each message comes once, as it is now, however often it changed. Versions do not expire. Call it again with the
   * ``version`` of the answer until ``has_more`` is false. A version that the database never had is a ``conflict`` with the
   * reason ``version_unknown``: a backup was restored. Then delete the local data of the chat and fetch it again.
   */
  "message:changes": (payload: MessageChanges, ack: (answer: Ack<ChangesPage>) => void) => void;
  /** Edit one of the caller's own messages. The new content must fit the type of the message. */
  "message:edit": (payload: MessageEdit, ack: (answer: Ack<MessageAnswer>) => void) => void;
  /**
   * Delete a message: one of the caller's own, or as creator or admin any message of the group.
   *
   * The message keeps its place and its ``seq``, with ``content`` null, so that counts never go down.
   */
  "message:delete": (payload: MessageAt, ack: (answer: Ack<MessageAnswer>) => void) => void;
  /** Like a message. If the caller likes it already, nothing changes. */
  "message:like": (payload: MessageAt, ack: (answer: Ack<LikeCount>) => void) => void;
  /** Take back the caller's like. If there is none, nothing changes. */
  "message:unlike": (payload: MessageAt, ack: (answer: Ack<LikeCount>) => void) => void;
  /** List the people who like a message, in the order of their likes. */
  "message:likes": (payload: MessageLikes, ack: (answer: Ack<LikersPage>) => void) => void;
  /**
   * Send the content of a message to another chat. The ack means that the new message is stored.
   *
   * `forwarded_from` names the first sender. `reply_to`, the people named in the message and its `metadata` are not
   * forwarded. The members of the other chat may fetch its file. A system message cannot be forwarded.
   */
  "message:forward": (payload: MessageForward, ack: (answer: Ack<MessageSent>) => void) => void;
  /**
   * Pin a message for all members of the chat: in a private chat both may, in a group the creator and admins.
   *
   * A system message, `message_pinned`, tells of it. At most 50 in a chat. A pinned message stays so.
   */
  "message:pin": (payload: MessageAt, ack: (answer: Ack<ChatWithPins>) => void) => void;
  /** Take a message from the pinned messages of the chat. One that is not pinned stays so. */
  "message:unpin": (payload: MessageAt, ack: (answer: Ack<ChatWithPins>) => void) => void;
  /** The pinned messages of a chat that the caller may see, newest first. */
  "message:pinned": (payload: MessagesPinnedIn, ack: (answer: Ack<PinnedMessages>) => void) => void;
  /**
   * React to a message with an emoji. If the caller has reacted with it already, nothing changes.
   *
   * You can react with several emoji, one call each. A message has at most 20 different ones.
   */
  "message:react": (payload: MessageReact, ack: (answer: Ack<MessageReactionsNow>) => void) => void;
  /** Take back a reaction of the caller. If there is none, nothing changes. */
  "message:unreact": (payload: MessageReact, ack: (answer: Ack<MessageReactionsNow>) => void) => void;
  /** List the reactions to a message with the people who reacted, in the order of the reactions. */
  "message:reactions": (payload: MessageReactions, ack: (answer: Ack<ReactionsPage>) => void) => void;
  /**
   * List the members whose read mark has reached a message, in the order in which they joined the chat.
   *
   * The caller is not in the list; the sender of the message is, if it is someone else. Members across a block, and members
   * who joined later and cannot see the message, are left out.
   */
  "message:readers": (payload: MessageReaders, ack: (answer: Ack<ReadersPage>) => void) => void;
  /**
   * Search messages by words. The newest messages come first.
   *
   * Russian and English words are found in all their forms. The last word may be incomplete if it has two letters or more.
   * Emoji count as words. Marks on letters make no difference: `zurich` finds `Zürich`. The search covers only messages that
   * the caller may see. A page may be short or empty: continue until `next_cursor` is null.
   */
  "message:search": (payload: MessageSearch, ack: (answer: Ack<SearchPage>) => void) => void;
  /**
   * Watch the presence of people, and return their present state. The list replaces the previous one.
   *
   * The caller may watch people with whom they share a chat, if neither has blocked the other and the person shows it.
   * The answer leaves the others out. Changes arrive as ``presence:updated``. Over HTTP the action only returns
   * the present state.
   */
  "presence:watch": (payload: PresenceWatch, ack: (answer: Ack<PresenceAnswer>) => void) => void;
  /**
   * Report a message, a chat or a person to the operator. Nobody else learns of it.
   *
   * What you report is kept as it is now, even if it is edited or deleted afterwards. You can report what you may see.
   */
  "report:create": (payload: ReportCreate, ack: (answer: Ack<Nothing>) => void) => void;
  /**
   * Keep the connection open with a new access token.
   *
   * The token must belong to the same person and the same login session. Over HTTP there is no connection, so the action
   * only returns when the token expires.
   */
  "session:refresh": (payload: SessionRefresh, ack: (answer: Ack<SessionRefreshed>) => void) => void;
  /**
   * Return the chats that changed since the cursor, and the IDs of the chats that the caller lost.
   *
   * Without a cursor it returns all chats. Call it again with the ``cursor`` of the answer until ``has_more`` is false, and
   * store the last cursor for the next time. Then call ``message:changes`` for each chat whose messages the client stores.
   */
  "session:sync": (payload: SessionSync, ack: (answer: Ack<SessionSynced>) => void) => void;
  /**
   * Find people by phone numbers or by username. Only exact matches are returned.
   *
   * A person may look up 1,000 phone numbers a day, and 500 on the first day of their account.
   */
  "user:find": (payload: UserFind, ack: (answer: Ack<UsersFound>) => void) => void;
  /**
   * Block a person.
   *
   * A blocked person cannot create a private chat with the caller, send messages to an existing one, edit or like messages
   * in it, or add anybody to it. They cannot add the caller to a group, and they see neither typing, presence and read marks
   * of the caller nor changes of the profile. They are not told about the block: ``peer_unavailable`` is also the answer for
   * a person who wants no messages, and for a deleted account.
   */
  "user:block": (payload: UserNamed, ack: (answer: Ack<Nothing>) => void) => void;
  /** Unblock a person. If they are not blocked, nothing changes. */
  "user:unblock": (payload: UserNamed, ack: (answer: Ack<Nothing>) => void) => void;
  /**
   * List the people whom the caller has blocked, the latest block first.
   *
   * Their `last_seen_at` is null: a block hides presence in both directions.
   */
  "user:blocked": (payload: NoPayload, ack: (answer: Ack<BlockedUsers>) => void) => void;
}

export interface ServerToClientEvents {
  /**
   * A chat changed, or is new in the caller's chat list.
   *
   * ``chat`` is the whole chat after the change. An event that goes to all members has no ``me`` and no ``peer``: keep the
   * ones that you have. An event about a new chat, or about the caller's personal settings, has both.
   */
  "chat:updated": (payload: ChatUpdated) => void;
  /** The active chat of this connection has a new message. */
  "message:created": (payload: MessageCreated) => void;
  /** The caller is no longer a member of the chat, or the chat was deleted. No event of the chat follows. */
  "chat:removed": (payload: ChatRemoved) => void;
  /** A member has read the messages up to ``read_seq``. The read mark only moves forward. */
  "chat:read": (payload: ChatRead) => void;
  /** A person is typing. The server does not store it: hide it after a few seconds. */
  "chat:typing": (payload: ChatTyping) => void;
  /** A message was edited or deleted. The event contains the whole message. */
  "message:updated": (payload: MessageUpdated) => void;
  /** A person liked a message, or took a like back. */
  "message:liked": (payload: MessageLiked) => void;
  /** A person reacted to a message, or took a reaction back. */
  "message:reacted": (payload: MessageReacted) => void;
  /** A person changed their name, username, text about themselves or picture, or deleted the account. */
  "user:updated": (payload: UserUpdated) => void;
  /** A person came online or went offline. A person who reconnects within a few seconds stays online. */
  "presence:updated": (payload: PresenceUpdated) => void;
  /** Something that the operator tells everybody who is online. Show it until it ends. */
  "server:announcement": (payload: Announcement) => void;
  /** The first event of every connection: the signed-in user, the login session and the limits of the server. */
  "session:ready": (payload: SessionReady) => void;
  /** The access token expires in one minute. Refresh it and send ``session:refresh`` to keep the connection open. */
  "session:expiring": (payload: SessionExpiring) => void;
  /** The server closes the connection after this event. If the login session has ended, sign in again. */
  "session:revoked": (payload: SessionRevoked) => void;
  /** Somebody signed in as you on another device. If it was not you, end that session and set a PIN. */
  "session:opened": (payload: SessionOpened) => void;
  /** The process is about to end: what was sent is still answered, then the connection closes. Connect again. */
  "server:draining": (payload: ServerDraining) => void;
}
