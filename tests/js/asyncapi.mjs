// Says "valid", or every diagnostic of the official parser, for the AsyncAPI document at the given path.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, code, message, path } of diagnostics) console.log(severity, code, message, path.join("."));
if (document && !diagnostics.length) console.log("valid");
