/**
 * The classes that stand for `wardian:plugin/types.error`, and the one place that throws them.
 *
 * WardianError
 *   Denied · NotFound · Invalid · Exhausted · Unavailable
 */

/** The host refused. `message` is the host's sentence, which names what refused. */
export class WardianError extends Error {
  override name = "WardianError";
}

/** The plugin lacks the permission. */
export class Denied extends WardianError {
  override name = "Denied";
}

/** What was named does not exist, or does not exist for this plugin. */
export class NotFound extends WardianError {
  override name = "NotFound";
}

/** The argument is malformed. */
export class Invalid extends WardianError {
  override name = "Invalid";
}

/** A quota or the rest of the budget does not suffice. */
export class Exhausted extends WardianError {
  override name = "Exhausted";
}

/** The service behind the function does not answer, or this host does not offer it. */
export class Unavailable extends WardianError {
  override name = "Unavailable";
}

const byTag: Record<string, new (message: string) => WardianError> = {
  denied: Denied,
  "not-found": NotFound,
  invalid: Invalid,
  exhausted: Exhausted,
  unavailable: Unavailable,
};

/** Call a host function; throw the `WardianError` that its `err` stands for. */
export function ask<T>(call: () => T): T {
  try {
    return call();
  } catch (refusal) {
    const error = payloadOf(refusal);
    if (error === undefined) throw refusal;
    throw new (byTag[error.tag] ?? WardianError)(error.val);
  }
}

function payloadOf(refusal: unknown): { tag: string; val: string } | undefined {
  if (typeof refusal !== "object" || refusal === null || !("payload" in refusal)) return undefined;
  const payload = refusal.payload;
  if (typeof payload !== "object" || payload === null) return undefined;
  if (!("tag" in payload) || !("val" in payload)) return undefined;
  return { tag: String(payload.tag), val: String(payload.val) };
}

/**
 * Answer `error` from an exported function whose WIT type is `result<T, E>`: `throw fail(error)`.
 *
 * Whatever else leaves an exported function ends the call as a trap.
 */
export function fail<E>(error: E): { readonly payload: E } {
  return { payload: error };
}
