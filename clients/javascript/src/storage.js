/**
 * Where tokens, outbox and the chats of the last time are kept.
 *
 * @typedef {import("./types.js").MolvaStorage} MolvaStorage
 */

/** Nothing outlives the page. @returns {MolvaStorage} */
export function memoryStorage() {
  /** @type {Map<string, unknown>} */
  const held = new Map();
  return {
    get: async (key) => structuredClone(held.get(key)),
    set: async (key, value) => void held.set(key, structuredClone(value)),
    delete: async (key) => void held.delete(key),
  };
}

/**
 * IndexedDB. All pages of one origin share it, so tokens are refreshed once for all of them.
 *
 * @param {string} name of the database
 * @returns {MolvaStorage}
 */
export function indexedDbStorage(name) {
  /** @type {Promise<IDBDatabase> | null} */
  let opened = null;
  const open = () => {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("held");
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.onclose = request.result.onversionchange = () => (request.result.close(), (opened = null));
        resolve(request.result);
      };
    });
    opened.catch(() => (opened = null));
    return opened;
  };
  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} work
   */
  const run = async (mode, work) => {
    const database = await open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction("held", mode);
      const request = work(transaction.objectStore("held"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
    });
  };
  return {
    shared: name,
    get: (key) => run("readonly", (store) => store.get(key)),
    set: async (key, value) => void (await run("readwrite", (store) => store.put(value, key))),
    delete: async (key) => void (await run("readwrite", (store) => store.delete(key))),
    close: () => void opened?.then((database) => database.close(), () => {}),
  };
}

/** @param {string} url */
export function defaultStorage(url) {
  return typeof indexedDB === "undefined" ? memoryStorage() : indexedDbStorage(`molva ${url}`);
}

/**
 * A storage that may fail without harm: what could not be written is kept for this page, and the fault is told.
 *
 * @param {MolvaStorage} storage
 * @param {(error: unknown) => void} onError
 * @returns {MolvaStorage}
 */
export function forgiving(storage, onError) {
  const spare = memoryStorage();
  /** @type {Set<string>} */
  const spared = new Set();
  return {
    shared: storage.shared,
    get: async (key) => {
      if (spared.has(key)) return spare.get(key);
      try {
        return await storage.get(key);
      } catch (error) {
        onError(error);
        return undefined;
      }
    },
    set: async (key, value) => {
      try {
        await storage.set(key, value);
        spared.delete(key);
      } catch (error) {
        spared.add(key);
        await spare.set(key, value);
        onError(error);
      }
    },
    delete: async (key) => {
      spared.delete(key);
      await storage.delete(key).catch(onError);
    },
    close: () => storage.close?.(),
  };
}
