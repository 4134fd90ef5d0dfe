/** Who calls, and what is left of the call's budget. Needs no permission. */

import * as host from "wardian:plugin/context@1.0.0";
import type { Call } from "wardian:plugin/context@1.0.0";

import { ask } from "./_errors.js";

export type { Call };

/** What the call may still spend. */
export interface Budget {
  /** Wall-clock time until the deadline, in milliseconds. */
  wallMs: number;
  hostCalls: number;
  httpRequests: number;
  events: number;
  logLines: number;
}

/** Describe the call that is running: tenant, subject, correlation id and so on. */
export function current(): Call {
  return ask(() => host.current());
}

/** Tell what the call may still spend. */
export function remaining(): Budget {
  const left = ask(() => host.remaining());
  return {
    wallMs: Number(left.wallMs),
    hostCalls: Number(left.hostCalls),
    httpRequests: Number(left.httpRequests),
    events: Number(left.events),
    logLines: Number(left.logLines),
  };
}
