/** Ask agents. Needs `agents:ask:CAPABILITY`. */

import * as host from "wardian:plugin/agents@1.0.0";

import { ask as answered } from "./_errors.js";
import { type Json, toText } from "./_json.js";

/** What an agent answered, and what that cost in the operator's currency unit. */
export interface Answer {
  agent: string;
  output: unknown;
  cost: number;
}

/**
 * Have the host route `question` to the best agent for `capability`.
 *
 * `criteria` sets ceilings and weights for cost, latency and quality.
 */
export function ask(
  capability: string,
  question: Json,
  criteria?: { readonly [criterion: string]: Json },
): Answer {
  const input = toText(question);
  const wishes = criteria === undefined ? undefined : toText(criteria);
  const { agent, output, cost } = answered(() => host.ask(capability, input, wishes));
  return { agent, output: JSON.parse(output), cost };
}
