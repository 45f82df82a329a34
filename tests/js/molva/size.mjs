// How many bytes the package has in an application: without comments and white space, with short names for what is private
// to a class or local to a function, as bundlers make it, and compressed. The result must still be JavaScript.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import ts from "typescript";

const folder = process.argv[2];
const modules = readdirSync(folder).filter((name) => name.endsWith(".js") && name !== "react.js").sort();
const options = { allowJs: true, noResolve: true, noLib: true, types: [], target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
const program = ts.createProgram(modules.map((name) => `${folder}/${name}`), options);
const checker = program.getTypeChecker();
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const RESERVED = new Set(["do", "if", "in", "of", "as", "is"]);
const nth = (number) => (number < 52 ? letters[number] : letters[Math.floor(number / 52) - 1] + letters[number % 52]);

/** The outermost function around a declaration; its locals get names of their own. */
function owner(node) {
  let found = null;
  for (let one = node; one; one = one.parent) if (ts.isFunctionLike(one)) found = one;
  return found;
}

function minified(source) {
  const shorts = new Map();
  const counts = new Map();
  const short = (key, scope) => {
    if (!shorts.has(key)) {
      let name;
      do {
        const number = counts.get(scope) ?? 0;
        counts.set(scope, number + 1);
        name = nth(number);
      } while (RESERVED.has(name));
      shorts.set(key, name);
    }
    return shorts.get(key);
  };
  const local = (symbol) => {
    const made = symbol?.valueDeclaration;
    const isLocal = made && (ts.isParameter(made) || ts.isVariableDeclaration(made) || ts.isBindingElement(made));
    const scope = isLocal ? owner(made) : null;
    return scope ? short(symbol, scope) : null;
  };
  const rename = (node) => {
    if (ts.isPrivateIdentifier(node)) return `#${short(node.text, "private")}`;
    if (!ts.isIdentifier(node)) return null;
    const { parent } = node;
    if (ts.isShorthandPropertyAssignment(parent)) {
      const name = local(checker.getShorthandAssignmentValueSymbol(parent));
      return name && `${node.text}:${name}`;
    }
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return null;
    if ((ts.isPropertyAssignment(parent) && parent.name === node) || (ts.isBindingElement(parent) && parent.propertyName === node)) return null;
    const name = local(checker.getSymbolAtLocation(node));
    const isPicked = ts.isBindingElement(parent) && parent.name === node && ts.isObjectBindingPattern(parent.parent) && !parent.propertyName && !parent.dotDotDotToken;
    return name && isPicked ? `${node.text}:${name}` : name;
  };
  let out = "";
  const write = (node) => {
    const children = node.getChildren(source).filter((one) => one.kind < ts.SyntaxKind.FirstJSDocNode || one.kind > ts.SyntaxKind.LastJSDocNode);
    if (children.length) return children.forEach(write);
    const token = rename(node) ?? node.getText(source);
    if (/[\w$#]$/.test(out) && /^[\w$#\\]/.test(token)) out += " ";
    if (/[+-]$/.test(out) && out.at(-1) === token[0]) out += " ";
    out += token;
  };
  write(source);
  return out;
}

const parts = modules.map((name) => minified(program.getSourceFile(`${folder}/${name}`)));
const faults = parts.flatMap((text) => ts.transpileModule(text, { reportDiagnostics: true, fileName: "part.js", compilerOptions: options }).diagnostics);
const code = parts.join("\n");
console.log(JSON.stringify({ modules: modules.length, bytes: code.length, gzipped: gzipSync(code, { level: 9 }).length, faults: faults.length }));
if (process.argv[3]) console.log(code);
