/** summarize-lead: an agent that summarizes a text by its first sentences. */

import { fail } from "@wardian/sdk";
import { type Answer, answers, numberOf, textOf } from "@wardian/sdk/questions";

import { sentences } from "./sentences";

const WORDS = 60;
const FEWEST_WORDS = 1;
const MOST_WORDS = 1000;
const LONGEST_TEXT = 1_000_000;

/** What `wit/world.wit` exports as the interface `agent`. */
export const agent = answers({
  summarize: (input) => summarize(textOf(input, "text"), numberOf(input, "words", WORDS)),
});

function summarize(text: string, words: number): Answer {
  if (!Number.isInteger(words) || words < FEWEST_WORDS || words > MOST_WORDS) {
    throw fail(`the input's words is ${words}, not a whole number from ${FEWEST_WORDS} to ${MOST_WORDS}`);
  }
  if (text.length > LONGEST_TEXT) {
    throw fail(`the text has ${text.length} characters; at most ${LONGEST_TEXT} are looked at`);
  }
  const chosen: string[] = [];
  let used = 0;
  let read = 0;
  for (const { text: sentence, end } of sentences(text)) {
    const length = sentence.split(/\s+/).length;
    // The first one always: a summary with too many words says more than none.
    if (chosen.length > 0 && used + length > words) break;
    chosen.push(sentence);
    used += length;
    read = end;
  }
  if (chosen.length === 0) throw fail("there is no text to summarize");
  // What it reads is what it charges for: the rest of a long text costs nothing.
  return { output: { summary: chosen.join(" "), sentences: chosen }, units: read, cacheable: true };
}
