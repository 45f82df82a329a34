// How many bytes the package has in an application that is bundled, and compressed as servers do it.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const options = { bundle: true, minify: true, format: "esm", write: false, logLevel: "silent", external: ["socket.io-client"] };
const { outputFiles, errors, warnings } = await build({ ...options, entryPoints: [process.argv[2]] });
const [{ contents }] = outputFiles;
console.log(JSON.stringify({ bytes: contents.length, gzipped: gzipSync(contents).length, faults: [...errors, ...warnings].length }));
