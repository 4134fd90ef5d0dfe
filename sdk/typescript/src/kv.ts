/**
 * Key-value storage of this plugin, in this tenant. Needs `kv:read`, `kv:write` or both.
 *
 * Keys and values are text: keys of 1 to 512 bytes, values of up to 1 MiB of UTF-8.
 */

import * as host from "wardian:plugin/kv@1.0.0";
import type { Page } from "wardian:plugin/kv@1.0.0";

import { ask } from "./_errors.js";
import { type Json, toText } from "./_json.js";

export type { Page };

export interface Lifetime {
  /** The entry is gone after this many milliseconds. */
  ttlMs?: number;
}

/** Read the value at `key`; undefined when there is none. Needs `kv:read`. */
export function get(key: string): string | undefined {
  return ask(() => host.get(key));
}

/** Write `value` at `key`. Throws `Exhausted` when the quota does not suffice. Needs `kv:write`. */
export function set(key: string, value: string, { ttlMs }: Lifetime = {}): void {
  ask(() => host.set(key, value, milliseconds(ttlMs)));
}

/** Read the JSON value at `key`; undefined when there is none. Needs `kv:read`. */
export function getJson<T extends Json>(key: string): T | undefined {
  const text = get(key);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** Write `value` as JSON text at `key`. Needs `kv:write`. */
export function setJson(key: string, value: Json, lifetime: Lifetime = {}): void {
  set(key, toText(value), lifetime);
}

/** Remove `key`, and tell whether it was there. Needs `kv:write`. */
export function remove(key: string): boolean {
  return ask(() => host.delete(key));
}

/** One page of the keys that start with `prefix`; `limit` is 1 to 1000. Needs `kv:read`. */
export function listKeys(prefix = "", cursor?: string, limit = 100): Page {
  return ask(() => host.listKeys(prefix, cursor, limit));
}

/** All keys that start with `prefix`, in byte order. Needs `kv:read`; each page is a host call. */
export function* keys(prefix = "", pageSize = 1000): Generator<string> {
  let cursor: string | undefined;
  do {
    const page = listKeys(prefix, cursor, pageSize);
    yield* page.keys;
    cursor = page.next;
  } while (cursor !== undefined);
}

/**
 * Write `value` only if `key` holds `expected` (undefined: only if it is not there), and tell
 * whether it was written. Atomic. Needs `kv:read` and `kv:write`.
 */
export function compareAndSet(
  key: string,
  expected: string | undefined,
  value: string,
  { ttlMs }: Lifetime = {},
): boolean {
  return ask(() => host.compareAndSet(key, expected, value, milliseconds(ttlMs)));
}

/**
 * Add `by` to the decimal integer at `key` (0 when absent) and return the sum. Atomic. Throws
 * `Invalid` when the value is not an integer or the sum leaves 64 bits. Needs `kv:read` and
 * `kv:write`.
 */
export function increment(key: string, by: number | bigint = 1): bigint {
  return ask(() => host.increment(key, BigInt(by)));
}

function milliseconds(ttl: number | undefined): bigint | undefined {
  return ttl === undefined ? undefined : BigInt(Math.trunc(ttl));
}
