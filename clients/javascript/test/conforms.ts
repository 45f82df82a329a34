// The written types say what the modules are.
import { Molva as Module } from "../src/molva.js";
import * as Errors from "../src/errors.js";
import { indexedDbStorage, memoryStorage } from "../src/storage.js";
import * as Written from "../src/index.js";

export const client: new (options: Written.MolvaOptions) => Written.Molva = Module;
export const storages: [typeof Written.memoryStorage, typeof Written.indexedDbStorage] = [memoryStorage, indexedDbStorage];
export const errors: typeof Errors.MolvaError = Written.MolvaError;
