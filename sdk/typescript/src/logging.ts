/**
 * Lines for the operator's log. Needs no permission.
 *
 * Each function takes a message and any number of fields, and tells whether the line was kept:
 * a plugin that has spent its log budget goes on without a log and not with an exception.
 */

import * as host from "wardian:plugin/logging@1.0.0";
import type { Level } from "wardian:plugin/logging@1.0.0";

import { Exhausted, ask } from "./_errors.js";
import { pairs } from "./_json.js";

export type { Level };

export type Fields = Readonly<Record<string, unknown>>;

/** Write one line; false when the call's log budget is spent and the line was dropped. */
export function log(level: Level, message: string, fields: Fields = {}): boolean {
  try {
    ask(() => host.log(level, message, pairs(fields)));
  } catch (refusal) {
    if (refusal instanceof Exhausted) return false;
    throw refusal;
  }
  return true;
}

/** Write a line of the least importance. */
export const trace = (message: string, fields?: Fields): boolean => log("trace", message, fields);

/** Write a line for whoever looks for a fault. */
export const debug = (message: string, fields?: Fields): boolean => log("debug", message, fields);

/** Write a line about the ordinary course of things. */
export const info = (message: string, fields?: Fields): boolean => log("info", message, fields);

/** Write a line about something that should not be, and was coped with. */
export const warn = (message: string, fields?: Fields): boolean => log("warn", message, fields);

/** Write a line about something that failed. */
export const error = (message: string, fields?: Fields): boolean => log("error", message, fields);

/**
 * Wrap an exported function: log what it throws, then let it go on.
 *
 * What leaves an exported function that is not its own error ends the call as a trap, and a trap
 * carries no text. Wrapped, the operator's log says what it was and where. An answer made with
 * `fail` is not logged. The function may be async.
 */
export function reportsFailures<A extends unknown[], R>(
  exported: (...args: A) => R,
): (...args: A) => R {
  return (...args) => {
    try {
      const answer = exported(...args);
      return answer instanceof Promise ? (answer.catch(reported) as R) : answer;
    } catch (failure) {
      return reported(failure);
    }
  };
}

function reported(failure: unknown): never {
  if (failure instanceof Error) {
    error(`${failure.name}: ${failure.message}`, { at: failure.stack?.trim() });
  }
  throw failure;
}
