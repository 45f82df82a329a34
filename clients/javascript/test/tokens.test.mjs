import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { memoryStorage } from "../src/storage.js";
import { Tokens } from "../src/tokens.js";
import { errorOf } from "../src/errors.js";

/** Web Locks of one browser. */
function installLocks() {
  const tails = new Map();
  const request = (name, work) => {
    const turn = (tails.get(name) ?? Promise.resolve()).then(work);
    tails.set(name, turn.catch(() => {}));
    return turn;
  };
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
}
afterEach(() => void delete globalThis.navigator);

/** Pages of one origin, and a server that takes each refresh token once. */
function pages(count, name) {
  const storage = { ...memoryStorage(), shared: name };
  const exchanged = [];
  const wire = {
    request: async (method, path, { body }) => {
      const token = body.refresh_token;
      if (exchanged.includes(token)) throw errorOf({ code: "session_revoked" });
      exchanged.push(token);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { access_token: `access ${exchanged.length}`, refresh_token: `refresh ${exchanged.length}` };
    },
  };
  const outs = [];
  const made = Array.from({ length: count }, () => new Tokens(wire, storage, { onOut: (reason) => outs.push(reason), onIn: () => {} }));
  return { made, exchanged, outs, storage };
}

test("all pages refresh together once", async () => {
  installLocks();
  const { made, exchanged } = pages(3, "together");
  await made[0].keep({ access_token: "access 0", refresh_token: "refresh 0", user: { id: "me" } });
  await Promise.all(made.map((page) => page.load()));
  await Promise.all(made.flatMap((page) => [page.refresh(), page.refresh()]));
  assert.deepEqual(exchanged, ["refresh 0"]);
  assert.deepEqual(made.map((page) => page.access), ["access 1", "access 1", "access 1"]);
  await made[2].refresh("access 0"); // what was spent is known to be replaced
  assert.equal(exchanged.length, 1);
  await made[2].refresh();
  assert.deepEqual(exchanged, ["refresh 0", "refresh 1"]);
  for (const page of made) page.close();
});

test("signing out of one page signs out of all", async () => {
  const { made, outs } = pages(2, "out");
  await made[0].keep({ access_token: "access 0", refresh_token: "refresh 0", user: { id: "me" } });
  await made[1].load();
  await made[0].forget("banned");
  while (!outs.length) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(outs, ["banned"]);
  assert.equal(made[1].access, null);
  for (const page of made) page.close();
});

test("a session that is over is told apart from a network that is away", async () => {
  const { made, storage } = pages(1, "over");
  const [page] = made;
  await page.keep({ access_token: "a", refresh_token: "refresh 0", user: { id: "me" } });
  await page.refresh();
  await storage.set("tokens", { access_token: "access 1", refresh_token: "refresh 0", user: { id: "me" } });
  await page.load();
  await assert.rejects(page.refresh(), { code: "signed_out", reason: "session_revoked" });
  page.wire.request = async () => { throw errorOf({ code: "offline" }); };
  await assert.rejects(page.refresh(), { code: "offline" });
  assert.equal(page.access, "access 1");
  page.close();
});
