/**
 * Numbers for the operator's monitoring. Needs no permission.
 *
 * The host labels them with the plugin and the tenant; the number of names and of label sets is
 * bounded, so labels are for kinds of things and not for single ones.
 */

import * as host from "wardian:plugin/metrics@1.0.0";

import { ask } from "./_errors.js";
import { pairs } from "./_json.js";

export type Labels = Readonly<Record<string, unknown>>;

/** Add `by` to the counter `name`. */
export function count(name: string, by: number | bigint = 1, labels: Labels = {}): void {
  ask(() => host.count(name, BigInt(by), pairs(labels)));
}

/** Record one observation of `name`, such as a duration in seconds. */
export function observe(name: string, value: number, labels: Labels = {}): void {
  ask(() => host.observe(name, value, pairs(labels)));
}
