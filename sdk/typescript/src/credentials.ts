/** Use credentials without holding them. Needs `credentials:use:NAME`. */

import * as host from "wardian:plugin/credentials@1.0.0";
import type { AwsRequest } from "wardian:plugin/credentials@1.0.0";

import { ask } from "./_errors.js";
import { type Json, toText } from "./_json.js";

export type { AwsRequest };

/** Tell whether a credential of this name exists for this plugin. */
export function exists(name: string): boolean {
  return ask(() => host.exists(name));
}

/** The HMAC-SHA256 of `text` under the credential, in lower-case hexadecimal. */
export function signHmac(name: string, text: string): string {
  return ask(() => host.sign(name, { tag: "hmac-sha256", val: text })).value;
}

/** A JSON Web Token over `claims`; the algorithm is the key's own. */
export function signJwt(name: string, claims: { readonly [claim: string]: Json }): string {
  const text = toText(claims);
  return ask(() => host.sign(name, { tag: "jwt", val: text })).value;
}

/** The headers that AWS Signature Version 4 adds to `request`. */
export function signAws(name: string, request: AwsRequest): [string, string][] {
  return ask(() => host.sign(name, { tag: "aws-sigv4", val: request })).headers;
}

/**
 * The credential itself. Needs `credentials:reveal:NAME`, which most sandbox levels never grant:
 * prefer signing, or the `credential` of a request.
 */
export function reveal(name: string): string {
  return ask(() => host.reveal(name));
}
