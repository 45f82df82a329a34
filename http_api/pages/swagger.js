"use strict";

const SIGN_INS = ["/v1/auth/tokens", "/v1/auth/tokens/refresh", "/v1/auth/tokens/external"];

// After a sign-in the calls that follow are made as that person.
function authorize(response) {
  const path = new URL(response.url, window.location.href).pathname;
  const token = response.ok && SIGN_INS.includes(path) ? response.body?.access_token : undefined;
  if (!token) return response;
  const schema = { type: "http", scheme: "bearer", bearerFormat: "JWT" };
  window.ui.authActions.authorizeWithPersistOption({ bearer: { name: "bearer", schema, value: token } });
  return response;
}

// A client_id that was sent before, or is one of the examples, would make the message a repeat: it is replaced by a new one.
const CLIENT_ID = /("client_id"\s*:\s*")([0-9a-f-]{36})(")/gi;
const used = new Set();
function renewClientId(request) {
  if (typeof request.body !== "string") return request;
  request.body = request.body.replace(CLIENT_ID, (_, before, given, after) => {
    const id = used.has(given.toLowerCase()) ? newId() : given.toLowerCase();
    used.add(id);
    return before + id + after;
  });
  return request;
}
function noteExamples() {
  const document = JSON.stringify(window.ui.specSelectors.specJson());
  for (const [, , id] of document.matchAll(CLIENT_ID)) used.add(id.toLowerCase());
}

// crypto.randomUUID is there on https:// and on this machine alone.
function newId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)];
  return parts.join("-");
}

// Dark where the system is: the class is what Swagger UI's own styles look at.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  onComplete: noteExamples,
  persistAuthorization: true,
  requestInterceptor: renewClientId,
  responseInterceptor: authorize,
  tryItOutEnabled: true,
  // The validator badge would ask a server on the internet.
  validatorUrl: null,
});
