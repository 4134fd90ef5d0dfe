/** markdown: Markdown to safe HTML, with title, headings and word count. */

import { fail } from "@wardian/sdk";
import MarkdownIt from "markdown-it";
import type { Heading, Rendered, RenderOptions } from "sample:markdown/rendering@1.0.0";

import { countWords, nameHeadings } from "./outline";

const LONGEST_TEXT = 200_000;

// Made once, and part of the snapshot that the component is: no call pays for it.
const parser = new MarkdownIt();

/** What `wit/world.wit` exports as the interface `rendering`. */
export const rendering = { render };

function render(markdown: string, options: RenderOptions | undefined): Rendered {
  if (markdown.length > LONGEST_TEXT) {
    throw fail(`The text has ${markdown.length} characters; at most ${LONGEST_TEXT} are rendered.`);
  }
  // `html: false` is what makes the result safe to show; it is no option of this plugin. Links
  // to `javascript:` and the like are refused by the library's own check, which stays as it is.
  parser.set({
    html: false,
    linkify: options?.linkify ?? false,
    breaks: options?.breaks ?? false,
    typographer: options?.typographer ?? false,
  });
  const environment = {};
  const tokens = parser.parse(markdown, environment);
  const headings = nameHeadings(tokens);
  return {
    html: parser.renderer.render(tokens, parser.options, environment),
    title: titleOf(headings),
    headings,
    words: countWords(tokens),
  };
}

function titleOf(headings: readonly Heading[]): string | undefined {
  const named = headings.filter(({ text }) => text !== "");
  return (named.find(({ level }) => level === 1) ?? named[0])?.text;
}
