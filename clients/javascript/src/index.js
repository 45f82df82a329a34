export { Molva } from "./molva.js";
export * from "./errors.js";
export { indexedDbStorage, memoryStorage } from "./storage.js";
