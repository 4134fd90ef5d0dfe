/** This plugin's configuration, resolved by the host from its layers. Needs no permission. */

import * as host from "wardian:plugin/config@1.0.0";

import { NotFound, ask } from "./_errors.js";
import type { Json } from "./_json.js";

/**
 * The value at `key`, typed by the manifest's `config_schema`; state that type as `T`.
 *
 * `key` may go into nested objects with dots. When no layer sets it, `fallback` is returned if
 * there is one, else `NotFound` is thrown.
 */
export function get<T = Json>(key: string, fallback?: T): T {
  try {
    return JSON.parse(ask(() => host.get(key))) as T;
  } catch (refusal) {
    if (refusal instanceof NotFound && fallback !== undefined) return fallback;
    throw refusal;
  }
}

/** The whole configuration; state the type that the `config_schema` gives it as `T`. */
export function getAll<T extends object = { readonly [key: string]: Json }>(): T {
  return JSON.parse(ask(() => host.getAll())) as T;
}
