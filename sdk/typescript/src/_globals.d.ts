/**
 * The part of the web platform that works inside a plugin without WASI.
 *
 * `fetch` and the timers exist in the engine and end the call when they are used, which is why
 * the type check does not know them.
 */

declare class TextEncoder {
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}

declare class URLSearchParams {
  constructor(init?: string | [string, string][] | Record<string, string>);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class URL {
  constructor(url: string, base?: string | URL);
  href: string;
  readonly origin: string;
  protocol: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
}

declare function atob(text: string): string;
declare function btoa(bytes: string): string;
declare function structuredClone<T>(value: T): T;

/** Without WASI nothing is written; use `@wardian/sdk/logging`. */
declare const console: {
  log(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
