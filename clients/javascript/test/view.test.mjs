import assert from "node:assert/strict";
import { test } from "node:test";
import { Cell, share, View } from "../src/view.js";

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("what is equal keeps its identity, at every depth", () => {
  const old = { a: { b: [1, { c: 2 }] }, d: { e: 3 } };
  assert.equal(share(old, structuredClone(old)), old);
  const next = share(old, { a: { b: [1, { c: 2 }] }, d: { e: 4 } });
  assert.notEqual(next, old);
  assert.equal(next.a, old.a);
  assert.deepEqual(next.d, { e: 4 });
  assert.deepEqual(share({ a: 1, b: 2 }, { a: 1 }), { a: 1 });
  assert.deepEqual(share({ a: 1 }, { a: 1, b: undefined }), { a: 1, b: undefined });
  assert.deepEqual(share([1, 2], [1]), [1]);
});

test("listeners are called once a turn, and only when the value is another one", async () => {
  const cell = new Cell({ n: 1 });
  const heard = [];
  const end = cell.subscribe((value) => heard.push(value.n));
  cell.set({ n: 1 });
  await turn();
  cell.set({ n: 2 });
  cell.set({ n: 3 });
  assert.equal(cell.get().n, 3);
  await turn();
  assert.deepEqual(heard, [3]);
  cell.set({ n: 4 });
  cell.set({ n: 3 });
  await turn();
  end();
  cell.set({ n: 5 });
  await turn();
  assert.deepEqual(heard, [3]);
});

test("a listener that subscribes late is not called for what it has seen", async () => {
  const cell = new Cell(1);
  const [first, second] = [[], []];
  cell.subscribe((value) => first.push(value));
  cell.set(2);
  cell.subscribe((value) => second.push(value));
  await turn();
  assert.deepEqual([first, second], [[2], []]);
});

test("a view tells when somebody begins to watch and when nobody does any more", () => {
  const told = [];
  const view = new View(() => 1, (isWatched) => told.push(isWatched));
  const [one, two] = [view.subscribe(() => {}), view.subscribe(() => {})];
  one();
  one();
  two();
  assert.deepEqual(told, [true, false]);
});
