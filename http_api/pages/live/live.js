// The console: two people side by side, real connections, forms from the schemas, everything that passes in time order.

import { element, PayloadForm } from "./forms.js";
import { snippets } from "./snippets.js";
import { Connection } from "./socketio.js";

const STEPS_MAX = 500;
const timeline = document.getElementById("timeline");
const known = { user_id: "", chat_id: "", seq: "" };
const started = performance.now();

const contract = await (await fetch("/openapi.json")).json();
const schemas = contract.components.schemas;
const actions = Object.entries(contract.paths)
  .filter(([path]) => path.startsWith("/v1/actions/"))
  .map(([path, { post }]) => ({
    name: path.slice("/v1/actions/".length),
    summary: post.summary,
    schema: post.requestBody.content["application/json"].schema,
  }));

/** Values that the next action is likely to want: the other person, the last chat, the last message. */
function learn(value) {
  if (Array.isArray(value)) return value.forEach(learn);
  if (value === null || typeof value !== "object") return;
  if (typeof value.chat_id === "string") known.chat_id = value.chat_id;
  if (Number.isInteger(value.seq)) known.seq = String(value.seq);
  if (value.chat?.id) known.chat_id = value.chat.id;
  Object.values(value).forEach(learn);
}

function addStep(person, direction, title, value, step) {
  const body = element("pre", {}, value === undefined ? "" : JSON.stringify(value, null, 2));
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const summary = element(
    "summary",
    {},
    element("time", {}, `${seconds} s`),
    element("span", { className: "who" }, person),
    element("span", { className: "way" }, direction),
    element("span", { className: "what" }, title),
  );
  const details = element("details", { className: `step ${person.toLowerCase()}` }, summary, body);
  if (direction === "refused" || value?.error) details.classList.add("failed");
  if (step) {
    const copies = Object.entries(snippets).map(([language, write]) => {
      const button = element("button", { type: "button" }, `Copy as ${language}`);
      button.onclick = () => copy(button, write(step));
      return button;
    });
    details.append(element("div", { className: "copies" }, ...copies));
  }
  timeline.prepend(details);
  while (timeline.children.length > STEPS_MAX) timeline.lastChild.remove();
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1000);
}

class Side {
  constructor(name, host) {
    this.name = name;
    this.host = host;
    this.other = null;
    this.user = null;
    const form = host.querySelector("form.sign-in");
    form.onsubmit = (submit) => this.act(submit, () => this.signIn(form));
    host.querySelector("form.action").onsubmit = (submit) => this.act(submit, () => this.send());
    host.querySelector(".sign-out").onclick = () => this.connection?.close();
    this.select = host.querySelector("select.actions");
    for (const { name: action, summary } of actions) {
      this.select.append(element("option", { value: action, title: summary }, action));
    }
    this.select.onchange = () => this.choose();
  }

  async act(submit, work) {
    submit.preventDefault();
    const fault = this.host.querySelector(".fault");
    fault.textContent = "";
    try {
      await work();
    } catch (error) {
      fault.textContent = error.message;
    }
  }

  async post(path, body) {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const value = await answer.json();
    if (answer.ok) return value;
    const error = new Error(`${value.code}: ${value.detail}`);
    throw Object.assign(error, { reason: value.details?.reason });
  }

  async signIn(form) {
    const phone = form.phone.value || `+7999${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
    form.phone.value = phone;
    if (!form.code.value) {
      const { code, verification_id } = await this.post("/v1/auth/codes", { phone });
      this.verificationId = verification_id;
      if (!code) {
        form.querySelector(".code").hidden = false;
        throw new Error("A code was sent to this number: enter it and sign in.");
      }
      form.code.value = code;
    }
    const proof = { phone, code: form.code.value, verification_id: this.verificationId };
    if (form.pin.value) proof.pin = form.pin.value;
    const me = { device_name: "Live console", display_name: this.name };
    const tokens = await this.post("/v1/auth/tokens", { ...proof, ...me }).catch((error) => {
      if (error.reason === "pin_required") form.querySelector(".pin").hidden = false;
      throw error;
    });
    form.code.value = form.pin.value = "";
    this.user = tokens.user;
    this.connect(tokens.access_token);
  }

  connect(token) {
    addStep(this.name, "connects", "/chat");
    this.connection = new Connection(token, {
      ready: () => this.setOnline(true),
      refused: (error) => addStep(this.name, "refused", "connect_error", error),
      event: (name, payload) => {
        learn(payload);
        addStep(this.name, "hears", name, payload);
      },
      closed: (reason) => {
        if (this.host.classList.contains("online")) addStep(this.name, "leaves", reason);
        this.setOnline(false);
      },
    });
  }

  setOnline(isOnline) {
    this.host.classList.toggle("online", isOnline);
    this.host.querySelector(".me").textContent = isOnline ? `${this.user.display_name}, ${this.user.id}` : "";
    if (isOnline) this.choose();
  }

  suggest(field) {
    if (field === "client_id") return crypto.randomUUID();
    if (field === "user_id" || field === "user_ids" || field === "member_ids") return this.other.user?.id ?? "";
    if (field === "chat_id" || field === "seq") return known[field];
    return "";
  }

  choose() {
    const action = actions.find(({ name }) => name === this.select.value);
    this.host.querySelector(".summary").textContent = action.summary;
    this.form = new PayloadForm(this.host.querySelector(".fields"), action.schema, schemas, (name) => this.suggest(name));
  }

  async send() {
    const step = { action: this.select.value, payload: this.form.payload() };
    addStep(this.name, "says", step.action, step.payload, step);
    const ack = await this.connection.emit(step.action, step.payload);
    learn(ack.data);
    addStep(this.name, "gets", `ack of ${step.action}${ack.error ? `: ${ack.error.code}` : ""}`, ack);
    const clientId = this.host.querySelector('.fields [name="client_id"]');
    if (clientId && ack.data) clientId.value = crypto.randomUUID();
  }
}

const sides = ["Anna", "Boris"].map((name) => new Side(name, document.getElementById(name.toLowerCase())));
sides[0].other = sides[1];
sides[1].other = sides[0];
document.getElementById("clear").onclick = () => timeline.replaceChildren();
document.body.classList.add("loaded");
