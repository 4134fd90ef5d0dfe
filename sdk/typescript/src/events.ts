/** Publish events. Needs `events:publish:TOPIC` for the topic. */

import * as host from "wardian:plugin/events@1.0.0";

import { ask } from "./_errors.js";
import { type Json, toText } from "./_json.js";

/**
 * Publish one event and return its id.
 *
 * `topic` is dot-separated lower-case words. Events with the same `key` are delivered in order.
 * The event is stored when this returns; delivery happens later, at least once.
 */
export function publish(topic: string, data: Json, key?: string): string {
  const text = toText(data);
  return ask(() => host.publish(topic, text, key));
}
