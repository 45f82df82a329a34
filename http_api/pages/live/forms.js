// A form from a payload's JSON Schema: one control a field, by its type; what is left empty is left out.

const SHORT = new Set(["string", "integer", "number", "boolean"]);

export class PayloadForm {
  /**
   * @param {HTMLElement} host where the fields go
   * @param {object} schema of the payload
   * @param {object} schemas name → schema, for references
   * @param {(field: string) => string} suggest a value that fits, or ""
   */
  constructor(host, schema, schemas, suggest) {
    this.host = host;
    this.schemas = schemas;
    this.suggest = suggest;
    this.controls = [];
    const resolved = this.resolve(schema);
    // Beside properties `oneOf` is a rule between them.
    this.variants = ((!resolved.properties && resolved.oneOf) || [resolved]).map((variant) => this.resolve(variant));
    this.discriminator = resolved.discriminator?.propertyName;
    this.show(this.variants[0]);
  }

  resolve(schema) {
    return schema.$ref ? this.resolve(this.schemas[schema.$ref.split("/").pop()]) : schema;
  }

  show(variant) {
    this.host.replaceChildren();
    this.controls = [];
    for (const [name, field] of Object.entries(variant.properties ?? {})) {
      if (name === this.discriminator) this.addVariants(name, variant);
      else this.addField(name, field, (variant.required ?? []).includes(name));
    }
    if (!this.controls.length) this.host.append(element("p", { className: "hint" }, "This action needs no payload."));
  }

  addVariants(name, variant) {
    const select = element("select", {});
    for (const other of this.variants) {
      const value = this.resolve(other.properties[name]).const;
      select.append(element("option", { value, selected: other === variant }, value));
    }
    select.onchange = () => this.show(this.variants[select.selectedIndex]);
    this.controls.push({ name, read: () => select.value });
    this.addRow(name, "required", select, "Which kind.");
  }

  addField(name, field, isRequired) {
    const options = (field.anyOf ?? [field]).map((option) => ({ ...field, ...this.resolve(option) }));
    const plain = options.find((option) => option.type !== "null") ?? options[0];
    const isNullable = options.some((option) => option.type === "null");
    const control = this.control(name, plain);
    if (isRequired) control.required = !isNullable;
    this.controls.push({ name, read: () => read(control, plain, isRequired, isNullable) });
    const mark = isRequired ? (isNullable ? "required, may be null" : "required") : "optional";
    this.addRow(name, mark, control, field.description ?? plain.description ?? "");
  }

  control(name, schema) {
    if (schema.enum) {
      return element("select", {}, ...["", ...schema.enum].map((value) => element("option", { value }, value)));
    }
    if (schema.type === "boolean") {
      return element("select", {}, ...["", "true", "false"].map((value) => element("option", { value }, value)));
    }
    const suggestion = this.suggest(name);
    if (!SHORT.has(schema.type)) {
      const example = schema.type === "array" ? (suggestion ? [suggestion] : []) : exampleOf(schema);
      const value = schema.type === "array" && !example.length ? "" : JSON.stringify(example, null, 1);
      return element("textarea", { rows: 3, value, spellcheck: false });
    }
    const isNumber = schema.type !== "string";
    return element("input", { type: isNumber ? "number" : "text", step: "any", value: suggestion, autocomplete: "off" });
  }

  addRow(name, mark, control, description) {
    control.name = name;
    const title = element("span", {}, element("b", {}, name), element("i", {}, ` ${mark}`));
    this.host.append(element("label", { title: description }, title, control, element("small", {}, description)));
  }

  /** The payload as the controls say; throws where a text is no JSON. */
  payload() {
    const payload = {};
    for (const { name, read: readControl } of this.controls) {
      const value = readControl();
      if (value !== undefined) payload[name] = value;
    }
    return payload;
  }
}

function read(control, schema, isRequired, isNullable) {
  const text = control.value;
  if (text === "") return isRequired && isNullable ? null : isRequired && schema.type === "string" ? "" : undefined;
  if (schema.type === "boolean") return text === "true";
  if (schema.type === "integer" || schema.type === "number") return Number(text);
  if (schema.type === "string" || schema.enum) return text;
  return JSON.parse(text);
}

function exampleOf(schema) {
  if (schema.examples) return schema.examples[0];
  const example = {};
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.examples?.[0] != null && (schema.required ?? []).includes(name)) example[name] = field.examples[0];
  }
  return example;
}

/** An element with properties and children. */
export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
