/**
 * Write Wardian plugins in TypeScript.
 *
 * One module for each interface that the host offers, under the interface's name:
 *
 *     import * as kv from "@wardian/sdk/kv";
 *
 * A plugin imports only the modules whose interfaces its own world imports; the type check of
 * `wardian build` refuses the others. This module imports none of them for the same reason.
 */

export {
  Denied,
  Exhausted,
  Invalid,
  NotFound,
  Unavailable,
  WardianError,
  fail,
} from "./_errors.js";
export type { Json } from "./_json.js";
