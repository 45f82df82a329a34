import assert from "node:assert/strict";
import { test } from "node:test";
import { errorOf } from "../src/errors.js";
import { Outbox } from "../src/outbox.js";
import { forgiving, memoryStorage } from "../src/storage.js";

const draft = (text) => ({ type: "text", content: { text } });
const turns = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

/** An outbox with a server that answers by `answer(payload, attempt)`. */
function outbox(storage, answer, isOnline = () => true) {
  const sent = [];
  const faults = [];
  const made = new Outbox(storage, {
    isOnline,
    send: async (payload) => {
      sent.push(payload);
      return { message: await answer(payload, sent.length) };
    },
    onSent: () => {},
    onChanged: () => {},
    onError: (error) => faults.push(error),
  });
  return Object.assign(made, { sent, faults });
}

test("messages of a chat go out one after another, and are repeated under the same id", async () => {
  let fails = 2;
  const box = outbox(memoryStorage(), ({ client_id }) => {
    if (fails-- > 0) throw errorOf({ code: "unanswered" });
    return { client_id };
  });
  const ids = ["one", "two", "three"].map((text) => box.add("me", "c", draft(text)).clientId);
  await turns(() => box.size === 0);
  assert.deepEqual(box.sent.map(({ client_id }) => client_id), [ids[0], ids[0], ids[0], ids[1], ids[2]]);
});

test("a rate limit holds everything back for as long as the server says", async () => {
  const times = [];
  const box = outbox(memoryStorage(), (_, attempt) => {
    times.push(performance.now());
    if (attempt === 1) throw errorOf({ code: "rate_limited", retry_after: 0.05 });
    return {};
  });
  box.add("me", "c", draft("one"));
  await turns(() => box.size === 0);
  assert.equal(times.length, 2);
  assert.ok(times[1] - times[0] >= 45);
});

test("a refused message holds back no other, and waits for the person", async () => {
  const box = outbox(memoryStorage(), ({ content }, attempt) => {
    if (content.text === "bad" && attempt < 3) throw errorOf({ code: "validation_failed" });
    return {};
  });
  const { clientId, done } = box.add("me", "c", draft("bad"));
  const good = box.add("me", "c", draft("good"));
  await assert.rejects(done, { code: "validation_failed" });
  await good.done;
  assert.deepEqual(box.of.of("c").get().map((one) => one.refused.code), ["validation_failed"]);
  box.retry(clientId);
  await turns(() => box.size === 0);
});

test("the next page takes over what was left, in order, and the same person's alone", async () => {
  const storage = memoryStorage();
  const first = outbox(storage, () => {}, () => false);
  for (const text of ["one", "two"]) first.add("me", "c", draft(text));
  first.add("other", "c", draft("theirs"));
  await first.close();
  const second = outbox(storage, () => ({}));
  await second.load("me");
  await turns(() => second.size === 0);
  assert.deepEqual(second.sent.map(({ content }) => content.text), ["one", "two"]);
  await second.close();
  assert.deepEqual((await storage.get("outbox")).map((one) => one.userId), ["other"]);
});

test("a full storage loses nothing of this page", async () => {
  const full = { ...memoryStorage(), set: async () => { throw new Error("QuotaExceededError"); } };
  const faults = [];
  const box = outbox(forgiving(full, (error) => faults.push(error)), () => ({}));
  await box.add("me", "c", draft("one")).done;
  assert.equal(box.size, 0);
  assert.equal(faults[0].message, "QuotaExceededError");
});
