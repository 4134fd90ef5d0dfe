/** Call other plugins. Needs `plugins:call:CAPABILITY`. */

import * as host from "wardian:plugin/plugins@1.0.0";

import { WardianError, ask } from "./_errors.js";
import { type Json, toText } from "./_json.js";

/** The called function answered an error of its own type, which is in `payload`. */
export class CallFailed extends WardianError {
  override name = "CallFailed";

  constructor(
    readonly called: string,
    readonly payload: unknown,
  ) {
    super(`${called} answered an error: ${JSON.stringify(payload)}`);
  }
}

/**
 * Call the function `called` of the plugin that offers `capability` and return its result.
 *
 * `args` are by parameter name; `version` is a range such as `^1.2`. Throws `CallFailed` with
 * the payload when the function answers an error.
 */
export function call(
  capability: string,
  called: string,
  args: { readonly [parameter: string]: Json } = {},
  version = "*",
): unknown {
  const text = toText(args);
  const reply = ask(() => host.call(capability, version, called, text));
  if (reply.tag === "err") throw new CallFailed(called, JSON.parse(reply.val));
  return JSON.parse(reply.val);
}
