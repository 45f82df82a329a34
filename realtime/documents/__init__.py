"""AsyncAPI, OpenAPI, TypeScript and examples, made from the declarations."""
