/** Say an answer piece by piece, while an agent works on it. Needs no permission. */

import * as host from "wardian:plugin/answering@1.0.0";

import { ask } from "./_errors.js";

/**
 * Say the next piece; who asked may hear it at once, or not at all.
 *
 * The answer that is returned is whole, whatever was said before. Throws `Exhausted` when pieces
 * together are longer than a result may be, and `Unavailable` outside of a question.
 */
export function emit(piece: string): void {
  ask(() => host.emit(piece));
}
