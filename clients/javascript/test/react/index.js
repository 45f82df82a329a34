// As much of React as the hooks need: one component, rendered by `render`, with its hooks in order.
let cells = [];
let place = 0;
let effects = [];
let again = () => {};
const same = (a, b) => a && a.length === b.length && a.every((one, at) => Object.is(one, b[at]));
const cell = (first) => (cells[place] ??= first(), cells[place++]);

export const createContext = (value) => {
  const context = { value, Provider: null };
  context.Provider = (props) => ((context.value = props.value), props.children);
  return context;
};
export const createElement = (type, props, ...children) => ({ type, props: { ...props, children } });
export const useContext = (context) => context.value;
export function useMemo(make, on) {
  const held = cell(() => ({}));
  if (!same(held.on, on)) Object.assign(held, { on, value: make() });
  return held.value;
}
export function useState(first) {
  const held = cell(() => ({ value: first }));
  return [held.value, (value) => !Object.is(held.value, value) && ((held.value = value), again())];
}
export function useEffect(effect, on) {
  const held = cell(() => ({}));
  if (same(held.on, on)) return;
  effects.push(() => (held.end?.(), (held.end = effect())));
  held.on = on;
}
export function useSyncExternalStore(subscribe, get) {
  const held = cell(() => ({}));
  if (held.subscribe !== subscribe) effects.push(() => (held.end?.(), (held.end = subscribe(again))));
  held.subscribe = subscribe;
  return get();
}
/** Renders a component, and again whenever something it uses has changed. `shown` gets what it returns. */
export function render(component, shown) {
  [cells, effects] = [[], []];
  let isBusy = false;
  let isStale = false;
  again = () => {
    isStale = true;
    if (isBusy) return;
    isBusy = true;
    while (isStale) {
      isStale = false;
      place = 0;
      shown(component());
      for (const effect of effects.splice(0)) effect();
    }
    isBusy = false;
  };
  again();
  return () => cells.forEach((held) => held.end?.());
}
