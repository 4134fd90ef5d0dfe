/** What can be told about a text from its tokens: headings and words. */

import type { Token } from "markdown-it";
import type { Heading } from "sample:markdown/rendering@1.0.0";

// The engine knows no `\p{L}`: letters beyond ASCII are taken as what lies above it, without the
// punctuation and symbols of U+2000 to U+2BFF.
const LETTERS = "[0-9A-Za-z\\u00aa-\\u1fff\\u2c00-\\uffff]+";
const WORD = new RegExp(`${LETTERS}(?:['’.-]${LETTERS})*`, "g");
const NOT_IN_ID = /[^0-9a-z\u00df-\u1fff\u2c00-\uffff]+/g;

// An id of a stranger's choice could shadow a property that a page's script looks up by name.
const ID_PREFIX = "section-";

/** Give each heading an `id` that no other has, and return the headings. */
export function nameHeadings(tokens: readonly Token[]): Heading[] {
  const ids = new Ids();
  const headings: Heading[] = [];
  tokens.forEach((token, index) => {
    if (token.type !== "heading_open") return;
    const text = plainText(tokens[index + 1]?.children ?? []).trim();
    const id = ids.next(text);
    token.attrSet("id", id);
    headings.push({ level: Number(token.tag.slice(1)), text, id });
  });
  return headings;
}

/** Count the words of the text, without code blocks. */
export function countWords(tokens: readonly Token[]): number {
  return tokens
    .filter(({ type }) => type === "inline")
    .map(({ children }) => plainText(children ?? []).match(WORD)?.length ?? 0)
    .reduce((sum, words) => sum + words, 0);
}

class Ids {
  readonly #taken = new Set<string>();
  // Where to go on for a text that came before: to count from 2 again each time would make a
  // text of nothing but equal headings take the square of its length.
  readonly #lastNumber = new Map<string, number>();

  next(text: string): string {
    const words = text.toLowerCase().replace(NOT_IN_ID, "-").replace(/^-|-$/g, "");
    const wanted = ID_PREFIX + (words || "untitled");
    let number = this.#lastNumber.get(wanted) ?? 1;
    let id = number === 1 ? wanted : `${wanted}-${number}`;
    while (this.#taken.has(id)) id = `${wanted}-${(number += 1)}`;
    this.#lastNumber.set(wanted, number);
    this.#taken.add(id);
    return id;
  }
}

function plainText(tokens: readonly Token[]): string {
  return tokens.map(textOf).join("");
}

function textOf(token: Token): string {
  switch (token.type) {
    case "softbreak":
    case "hardbreak":
      return " ";
    case "image":
      return plainText(token.children ?? []);
    default:
      return token.content;
  }
}
