import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";
import { Cell } from "../src/view.js";

const loader = `export const resolve = (name, context, next) => name === "react"
  ? { url: ${JSON.stringify(new URL("./react/index.js", import.meta.url).href)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(loader)}`);
const { MolvaProvider, useChats, useMessages, useMolva } = await import("../src/react.js");
const { render } = await import("react");

const turn = () => new Promise((resolve) => setTimeout(resolve));

test("a component is drawn again when what it shows has changed, and keeps its chat open", async () => {
  const chats = new Cell(["a"]);
  const open = new Map();
  const client = {
    chats,
    open: (id) => {
      const made = { chatId: id, messages: new Cell([`first of ${id}`]), hasOlder: new Cell(true), hasNewer: new Cell(false), close: () => open.delete(id) };
      open.set(id, made);
      return made;
    },
  };
  assert.throws(useMolva, /MolvaProvider/);
  const provided = MolvaProvider({ client });
  provided.type(provided.props);
  const shown = [];
  const end = render(() => {
    const [id] = useChats();
    const { messages, hasOlder } = useMessages(id);
    return [id, ...messages, hasOlder];
  }, (value) => shown.push(value));
  assert.deepEqual(shown.at(-1), ["a", "first of a", true]);
  const count = shown.length;
  chats.set(["a"]);
  await turn();
  assert.equal(shown.length, count);
  open.get("a").messages.set(["another"]);
  await turn();
  assert.deepEqual(shown.at(-1), ["a", "another", true]);
  chats.set(["b"]);
  await turn();
  assert.deepEqual(shown.at(-1), ["b", "first of b", true]);
  assert.deepEqual([...open.keys()], ["b"]);
  end();
  assert.deepEqual([...open.keys()], []);
});
