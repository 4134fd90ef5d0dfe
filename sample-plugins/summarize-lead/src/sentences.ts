/** Where sentences end, in texts that end them with `.`, `!` or `?`, or their likes elsewhere. */

export interface Sentence {
  readonly text: string;
  /** Where it ends in the whole text. */
  readonly end: number;
}

/** They end with a full stop and no sentence. */
const ABBREVIATIONS = new Set([
  "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "cf", "no", "vol",
  "fig", "gen", "col", "sen", "rep", "gov", "hon", "rev", "u.s", "u.k", "z.b", "d.h", "bzw", "ca",
]); // prettier-ignore

// What closes a sentence, with quotation marks and brackets after it; or an empty line.
const END = /[.!?。！？]+["'”’)\]]*|\n\s*\n/g;
const NEXT = /[\s("'“‘[]*(\S)/y;

/** Go through the sentences of a text as far as somebody wants to read. */
export function* sentences(text: string): Generator<Sentence> {
  let start = 0;
  for (const match of text.matchAll(END)) {
    const end = match.index + match[0].length;
    if (!ends(text, start, match.index, end)) continue;
    const sentence = squeezed(text.slice(start, end));
    if (sentence !== "") yield { text: sentence, end };
    start = end;
  }
  const rest = squeezed(text.slice(start));
  if (rest !== "") yield { text: rest, end: text.length };
}

function ends(text: string, start: number, mark: number, end: number): boolean {
  if (text[mark] === "\n") return true;
  NEXT.lastIndex = end;
  const following = NEXT.exec(text)?.[1];
  if (following !== undefined && following !== following.toUpperCase()) return false;
  const next = text[end];
  if (next !== undefined && !/\s/.test(next) && !/[。！？]/.test(text[mark]!)) return false;
  if (text[mark] !== ".") return true;
  const word = /[^\s(["“]*$/.exec(text.slice(Math.max(start, mark - 20), mark))![0];
  const isInitial = word.length === 1 && word !== word.toLowerCase() && word !== "I";
  return !isInitial && !ABBREVIATIONS.has(word.toLowerCase());
}

const squeezed = (text: string): string => text.replace(/\s+/g, " ").trim();
