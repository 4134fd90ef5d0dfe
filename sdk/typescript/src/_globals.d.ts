/**
 * The part of the web platform that works inside a plugin without WASI.
 *
 * The timers exist in the engine and end the call when they are used, which is why the type check
 * does not know them; nor `fetch`, which is imported from `@wardian/sdk/http`.
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

declare class Blob {
  constructor(
    parts?: readonly (string | Blob | ArrayBuffer | Uint8Array)[],
    options?: { type?: string },
  );
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  slice(start?: number, end?: number, type?: string): Blob;
  text(): Promise<string>;
}

declare class FormData {
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): string | Blob | null;
  getAll(name: string): (string | Blob)[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  [Symbol.iterator](): IterableIterator<[string, string | Blob]>;
}

declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

type HeadersInit =
  | Headers
  | readonly (readonly [string, string])[]
  | Readonly<Record<string, string>>;

declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  entries(): IterableIterator<[string, string]>;
  forEach(visit: (value: string, name: string, headers: Headers) => void): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  keys(): IterableIterator<string>;
  set(name: string, value: string): void;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

type BodyInit = string | Uint8Array | ArrayBuffer | Blob | FormData | URLSearchParams;

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "error" | "manual";
  signal?: AbortSignal | null;
}

declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: object | null;
  readonly bodyUsed: boolean;
  readonly signal: AbortSignal;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  clone(): Request;
  formData(): Promise<FormData>;
  json(): Promise<unknown>;
  text(): Promise<string>;
}

declare class Response {
  constructor(
    body?: BodyInit | null,
    init?: { status?: number; statusText?: string; headers?: HeadersInit },
  );
  get ok(): boolean;
  get status(): number;
  get statusText(): string;
  get headers(): Headers;
  get url(): string;
  get body(): object | null;
  get bodyUsed(): boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  formData(): Promise<FormData>;
  json(): Promise<unknown>;
  text(): Promise<string>;
}

declare function atob(text: string): string;
declare function btoa(bytes: string): string;
declare function structuredClone<T>(value: T): T;

/** Without WASI nothing is written; use `@wardian/sdk/logging`. */
declare const console: {
  log(...values: unknown[]): void;
  error(...values: unknown[]): void;
};
