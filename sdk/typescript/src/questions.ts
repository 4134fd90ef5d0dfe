/**
 * Answer questions: what makes a plugin an agent.
 *
 *     import { fail } from "@wardian/sdk";
 *     import { answers, textOf } from "@wardian/sdk/questions";
 *
 *     export const agent = answers({
 *       "count-words": (input) => {
 *         const text = textOf(input, "text");
 *         if (text === "") throw fail("there is no text");
 *         return { output: { words: text.split(/\s+/).length }, units: text.length };
 *       },
 *     });
 *
 * The world exports `wardian:plugin/agent`; the manifest has the category `ai_agent` and lists each
 * capability. An agent refuses with `fail`, whose text the asker reads; anything else that is
 * thrown ends the call.
 */

import { fail } from "./_errors.js";
import { type Json, toText } from "./_json.js";

/** What an agent answers. */
export interface Answer {
  /** A value that JSON can hold. */
  readonly output: unknown;
  /** How many it used, of what the manifest's `[agent.cost]` prices; 0 unless given. */
  readonly units?: number;
  /** How sure the agent is, 0 to 1, when it can tell. */
  readonly confidence?: number;
  /** Whether the host may answer the same question with this answer again; no unless given. */
  readonly cacheable?: boolean;
}

/** Answers the questions for one capability. */
export type Answering = (input: Json) => Answer | Promise<Answer>;

interface Question {
  capability: string;
  input: string;
}

interface Answered {
  output: string;
  units: bigint;
  confidence?: number;
  cacheable: boolean;
}

/** Make what `export wardian:plugin/agent` promises of functions by their capability. */
export function answers(functions: { readonly [capability: string]: Answering }): {
  ask(question: Question): Promise<Answered>;
} {
  return {
    async ask({ capability, input }) {
      const answering = Object.hasOwn(functions, capability) ? functions[capability] : undefined;
      if (answering === undefined) {
        const known = Object.keys(functions).join(", ") || "nothing";
        throw fail(`this agent answers ${known}, and not '${capability.slice(0, 100)}'`);
      }
      const { output, units = 0, confidence, cacheable = false } = await answering(read(input));
      return { output: toText(output), units: BigInt(Math.ceil(units)), confidence, cacheable };
    },
  };
}

/** Take a property of the input as text, or refuse the question; `otherwise` if it is not there. */
export function textOf(input: Json, name: string, otherwise?: string): string {
  return property(input, name, "text", otherwise, (value) => typeof value === "string");
}

/** The same of a number. */
export function numberOf(input: Json, name: string, otherwise?: number): number {
  return property(input, name, "a number", otherwise, (value) => typeof value === "number");
}

function property<T>(
  input: Json,
  name: string,
  wanted: string,
  otherwise: T | undefined,
  fits: (value: unknown) => boolean,
): T {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw fail("the input is not an object");
  }
  const value = (input as { readonly [key: string]: Json })[name] ?? otherwise;
  if (value === undefined) throw fail(`the input's ${name} is not set`);
  if (!fits(value)) throw fail(`the input's ${name} is not ${wanted}`);
  return value as T;
}

function read(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw fail("the input is no JSON");
  }
}
