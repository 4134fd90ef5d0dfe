/** JSON text, as it travels between the plugin and the host. */

import { Invalid } from "./_errors.js";

/** Anything that JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Write `value` as JSON text. Throws `Invalid` for what JSON cannot hold. */
export function toText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Invalid(`not representable as JSON: ${String(error)}`);
  }
  if (text === undefined) throw new Invalid(`not representable as JSON: ${typeof value}`);
  return text;
}

/** Names and values, as log fields and labels travel. */
export function pairs(fields: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(fields).map(([name, value]) => [name, asWord(value)]);
}

function asWord(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return toText(value);
  } catch {
    return String(value);
  }
}
