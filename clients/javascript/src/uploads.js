/** Uploads: with progress where there is XMLHttpRequest, by fetch elsewhere. Both can be called off. */

import { errorOf, OfflineError } from "./errors.js";
import { parsed, problem } from "./wire.js";

/**
 * @typedef {import("./types.js").UploadedFile} UploadedFile
 * @typedef {import("./types.js").UploadOptions} UploadOptions
 */

/**
 * @param {import("./wire.js").Wire} wire
 * @param {string | null} token
 * @param {Blob} file
 * @param {UploadOptions} options
 * @returns {Promise<UploadedFile>}
 */
export async function uploadFile(wire, token, file, { name, duration, onProgress, signal }) {
  signal?.throwIfAborted?.();
  const form = new FormData();
  form.append("file", file, name ?? /** @type {any} */ (file).name ?? "file");
  if (duration !== undefined) form.append("duration", String(duration));
  if (typeof XMLHttpRequest === "undefined") {
    onProgress?.(0);
    const answer = await wire.request("POST", "/v1/files", { body: form, token, signal: signal ?? null });
    onProgress?.(1);
    return answer;
  }
  return byXhr(wire, token, form, onProgress, signal);
}

/**
 * @param {import("./wire.js").Wire} wire
 * @param {string | null} token
 * @param {FormData} form
 * @param {((share: number) => void) | undefined} onProgress
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<UploadedFile>}
 */
function byXhr(wire, token, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const began = Date.now();
    request.open("POST", `${wire.url}/v1/files`);
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => lengthComputable && onProgress?.(loaded / total);
    request.onload = () => {
      const answer = parsed(request.responseText);
      const isOk = request.status >= 200 && request.status < 300;
      wire.note("rest", "POST /v1/files", { body: null, answer }, { ms: Date.now() - began, error: !isOk });
      if (isOk) resolve(answer);
      else reject(problem(request.status, answer, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new OfflineError({ code: "offline" }));
    request.onabort = () => reject(errorOf({ code: "aborted" }));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}
