/** Bare names are looked up as if they had been imported from here. */
export function resolve(name, context, next) {
  const isBare = !/^(\.|\/|node:|file:)/.test(name);
  return next(name, isBare && !context.parentURL?.includes("node_modules") ? { ...context, parentURL: import.meta.url } : context);
}
