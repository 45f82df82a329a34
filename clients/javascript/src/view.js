/** Values that can be watched, and structural sharing: what did not change keeps its identity. */

/**
 * `next`, with every part of it that equals the same part of `old` replaced by that.
 *
 * @template T
 * @param {unknown} old
 * @param {T} next
 * @returns {T}
 */
export function share(old, next) {
  if (Object.is(old, next)) return next;
  if (Array.isArray(old) && Array.isArray(next)) {
    const shared = next.map((one, place) => share(old[place], one));
    const isSame = old.length === shared.length && shared.every((one, place) => Object.is(one, old[place]));
    return /** @type {T} */ (isSame ? old : shared);
  }
  if (!isPlain(old) || !isPlain(next)) return next;
  /** @type {Record<string, unknown>} */
  const shared = {};
  const names = Object.keys(next);
  let isSame = names.length === Object.keys(old).length;
  for (const name of names) {
    shared[name] = share(old[name], next[name]);
    isSame &&= name in old && Object.is(shared[name], old[name]);
  }
  return /** @type {T} */ (isSame ? old : shared);
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isPlain(value) {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/**
 * A value made from others when somebody asks. `touch()` says that those may have changed; whoever subscribed is called
 * back once for all changes of one turn of the event loop, and only when the value is another one.
 *
 * @template T
 */
export class View {
  /** @type {() => T} */
  #compute;
  /** @type {T | undefined} */
  #value;
  #isStale = true;
  #isQueued = false;
  /** @type {Map<object, { listener: (value: T) => void, told: T }>} */
  #subscribers = new Map();
  /** @type {((isWatched: boolean) => void) | undefined} */
  #onWatched;

  /**
   * @param {() => T} compute
   * @param {(isWatched: boolean) => void} [onWatched] called when the first one subscribes and when the last one leaves
   */
  constructor(compute, onWatched) {
    this.#compute = compute;
    this.#onWatched = onWatched;
  }

  /** @returns {T} */
  get() {
    if (this.#isStale) {
      this.#isStale = false;
      this.#value = share(this.#value, this.#compute());
    }
    return /** @type {T} */ (this.#value);
  }

  /**
   * @param {(value: T) => void} listener
   * @returns {() => void} ends it
   */
  subscribe(listener) {
    const key = {};
    this.#subscribers.set(key, { listener, told: this.get() });
    if (this.#subscribers.size === 1) this.#onWatched?.(true);
    return () => {
      if (this.#subscribers.delete(key) && this.#subscribers.size === 0) this.#onWatched?.(false);
    };
  }

  touch() {
    this.#isStale = true;
    if (this.#isQueued || this.#subscribers.size === 0) return;
    this.#isQueued = true;
    queueMicrotask(() => {
      this.#isQueued = false;
      const value = this.get();
      for (const one of [...this.#subscribers.values()]) {
        if (Object.is(one.told, value)) continue;
        one.told = value;
        try {
          one.listener(value);
        } catch (error) {
          reportError(error); // a listener's fault is not ours, and stops no other listener
        }
      }
    });
  }
}

/** @param {unknown} error */
function reportError(error) {
  setTimeout(() => {
    throw error;
  });
}

/**
 * A View that is set instead of computed.
 *
 * @template T
 * @extends {View<T>}
 */
export class Cell extends View {
  /** @type {T} */
  #now;

  /** @param {T} first */
  constructor(first) {
    super(() => this.#now);
    this.#now = first;
  }

  /** @param {T} value */
  set(value) {
    this.#now = value;
    this.touch();
  }
}

/**
 * Views by name, made when first asked for.
 *
 * @template T
 */
export class Views {
  /** @type {Map<string, View<T>>} */
  #views = new Map();
  /** @type {(key: string) => View<T>} */
  #make;

  /** @param {(key: string) => View<T>} make */
  constructor(make) {
    this.#make = make;
  }

  /** @param {string} key */
  of(key) {
    let view = this.#views.get(key);
    if (!view) this.#views.set(key, (view = this.#make(key)));
    return view;
  }

  /** @param {string} key */
  touch(key) {
    this.#views.get(key)?.touch();
  }

  touchAll() {
    for (const view of this.#views.values()) view.touch();
  }
}
