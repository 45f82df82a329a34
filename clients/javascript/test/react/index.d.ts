// As much of React's types as molva-client/react needs.
export type ReactNode = unknown;
export interface ReactElement { type: unknown; props: unknown }
export interface Context<T> { Provider: (props: { value: T; children?: ReactNode }) => ReactElement }
export function createContext<T>(value: T): Context<T>;
export function createElement(type: unknown, props: object, ...children: unknown[]): ReactElement;
export function useContext<T>(context: Context<T>): T;
export function useEffect(effect: () => void | (() => void), on: readonly unknown[]): void;
export function useMemo<T>(make: () => T, on: readonly unknown[]): T;
export function useState<T>(first: T): [T, (value: T) => void];
export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, get: () => T, server?: () => T): T;
