/**
 * The storage of `kv` in named compartments, each with keys of its own.
 *
 *     import { Namespace } from "@wardian/sdk/kv-namespaces";
 *
 *     const sessions = new Namespace("sessions");
 *     sessions.set("ann", "…", { ttlMs: 3_600_000 });
 *
 * A name has 1 to 64 of the characters A-Z, a-z, 0-9, `.`, `_` and `-`, a letter or digit first. A
 * plugin has up to 64 namespaces, each for as long as it has an entry. One quota covers all of them
 * and `kv`. Keys, values and permissions are those of `kv`.
 */

import * as host from "wardian:plugin/kv-namespaces@1.0.0";
import type { Page } from "wardian:plugin/kv-namespaces@1.0.0";

import { ask } from "./_errors.js";
import { type Json, toText } from "./_json.js";

export type { Page };

export interface Lifetime {
  /** The entry is gone after this many milliseconds. */
  ttlMs?: number;
}

/** The names of the namespaces that have an entry, in byte order. Needs `kv:read`. */
export function listNamespaces(): string[] {
  return ask(() => host.listNamespaces());
}

/** One compartment. Nothing is asked of the host until one of its functions is called. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Read the value at `key`; undefined when there is none. Needs `kv:read`. */
  get(key: string): string | undefined {
    return ask(() => host.get(this.name, key));
  }

  /** Write `value` at `key`. Throws `Exhausted` when the quota does not suffice. Needs `kv:write`. */
  set(key: string, value: string, { ttlMs }: Lifetime = {}): void {
    ask(() => host.set(this.name, key, value, milliseconds(ttlMs)));
  }

  /** Read the JSON value at `key`; undefined when there is none. Needs `kv:read`. */
  getJson<T extends Json>(key: string): T | undefined {
    const text = this.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as T);
  }

  /** Write `value` as JSON text at `key`. Needs `kv:write`. */
  setJson(key: string, value: Json, lifetime: Lifetime = {}): void {
    this.set(key, toText(value), lifetime);
  }

  /** Remove `key`, and tell whether it was there. Needs `kv:write`. */
  remove(key: string): boolean {
    return ask(() => host.delete(this.name, key));
  }

  /** Remove every entry, and tell how many there were. Needs `kv:write`. */
  clear(): bigint {
    return ask(() => host.clear(this.name));
  }

  /** One page of the keys that start with `prefix`; `limit` is 1 to 1000. Needs `kv:read`. */
  listKeys(prefix = "", cursor?: string, limit = 100): Page {
    return ask(() => host.listKeys(this.name, prefix, cursor, limit));
  }

  /** All keys that start with `prefix`, in byte order. Needs `kv:read`; each page is a host call. */
  *keys(prefix = "", pageSize = 1000): Generator<string> {
    let cursor: string | undefined;
    do {
      const page = this.listKeys(prefix, cursor, pageSize);
      yield* page.keys;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /**
   * Write `value` only if `key` holds `expected` (undefined: only if it is not there), and tell
   * whether it was written. Atomic. Needs `kv:read` and `kv:write`.
   */
  compareAndSet(
    key: string,
    expected: string | undefined,
    value: string,
    { ttlMs }: Lifetime = {},
  ): boolean {
    return ask(() => host.compareAndSet(this.name, key, expected, value, milliseconds(ttlMs)));
  }

  /**
   * Add `by` to the decimal integer at `key` (0 when absent) and return the sum. Atomic. Throws
   * `Invalid` when the value is not an integer or the sum leaves 64 bits. Needs `kv:read` and
   * `kv:write`.
   */
  increment(key: string, by: number | bigint = 1): bigint {
    return ask(() => host.increment(this.name, key, BigInt(by)));
  }
}

function milliseconds(ttl: number | undefined): bigint | undefined {
  return ttl === undefined ? undefined : BigInt(Math.trunc(ttl));
}
