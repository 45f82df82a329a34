/**
 * Events that came while an answer was on its way. The answer may be older than they are: they are applied again behind it.
 *
 * @template T
 */
export class Journal {
  /** @type {{ number: number, entry: T }[]} */
  #entries = [];
  #number = 0;
  /** @type {Set<{ since: number }>} */
  #marks = new Set();

  /** From now on entries are kept for whoever holds this mark. */
  begin() {
    const mark = { since: this.#number };
    this.#marks.add(mark);
    return mark;
  }

  /** @param {T} entry */
  add(entry) {
    this.#number++;
    if (this.#marks.size) this.#entries.push({ number: this.#number, entry });
  }

  /** What came since. @param {{ since: number }} mark @returns {T[]} */
  since(mark) {
    return this.#entries.filter((one) => one.number > mark.since).map((one) => one.entry);
  }

  /** @param {{ since: number }} mark */
  end(mark) {
    this.#marks.delete(mark);
    const least = Math.min(...[...this.#marks].map((one) => one.since));
    this.#entries = this.#entries.filter((one) => one.number > least);
  }
}
