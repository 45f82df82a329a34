/** Hooks for React 18 and newer, on `useSyncExternalStore`: a component renders again when what it shows has changed. */

import { createContext, createElement, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

/** @typedef {import("./index.js").Molva} Molva */

const Context = createContext(/** @type {Molva | null} */ (null));

/** Gives the client to all components within. @param {{ client: Molva, children?: any }} props */
export function MolvaProvider({ client, children }) {
  return createElement(Context.Provider, { value: client }, children);
}

/** The client of the provider around. @returns {Molva} */
export function useMolva() {
  const client = useContext(Context);
  if (!client) throw new Error("There is no MolvaProvider around this component.");
  return client;
}

/**
 * The value of anything that can be subscribed to.
 *
 * @template T
 * @param {import("./types.js").Subscribable<T>} subscribable
 * @returns {T}
 */
export function useValue(subscribable) {
  const [subscribe, get] = useMemo(
    () => [(/** @type {() => void} */ changed) => subscribable.subscribe(changed), () => subscribable.get()],
    [subscribable],
  );
  return useSyncExternalStore(subscribe, get, get);
}

export const useConnection = () => useValue(useMolva().state);
export const useChats = () => useValue(useMolva().chats);
export const useArchivedChats = () => useValue(useMolva().archived);
export const useUnread = () => useValue(useMolva().unread);
/** @param {string} chatId */
export const useChat = (chatId) => useValue(useMolva().chat(chatId));
/** @param {string} userId */
export const useUser = (userId) => useValue(useMolva().user(userId));
/** @param {string} userId */
export const usePresence = (userId) => useValue(useMolva().presence(userId));
/** @param {string} chatId */
export const useTyping = (chatId) => useValue(useMolva().typing(chatId));

/** @type {readonly never[]} */
const NONE = [];
/** @type {import("./types.js").Subscribable<any>} */
const NOTHING = { get: () => NONE, subscribe: () => () => {} };
/** @type {import("./types.js").Subscribable<boolean>} */
const NO = { get: () => false, subscribe: () => () => {} };

/**
 * The messages of a chat, which is open as long as the component is there.
 *
 * @param {string} chatId
 * @returns {import("./react.js").OpenMessages}
 */
export function useMessages(chatId) {
  const client = useMolva();
  const [open, setOpen] = useState(/** @type {import("./types.js").OpenChat | null} */ (null));
  useEffect(() => {
    const opened = client.open(chatId);
    setOpen(opened);
    return () => opened.close();
  }, [client, chatId]);
  const current = open?.chatId === chatId ? open : null; // not the chat of before
  return {
    messages: useValue(current?.messages ?? NOTHING),
    hasOlder: useValue(current?.hasOlder ?? NO),
    hasNewer: useValue(current?.hasNewer ?? NO),
    open: current,
  };
}
