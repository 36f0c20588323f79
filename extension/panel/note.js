// The note of a consultation as text for a record: the page's own note without times and judgements.

import { say } from "../page/words/language.js";
import { soap } from "../page/note/soap.js";

/**
 * @param {{finding: object, judgement?: object, original?: object}[]} entries
 * @returns {{title: string, text: string, parts: {title: string, text: string}[]}[]} the sections that hold something; a
 *   part's text has a line for each finding, a section's text the titles of its parts too
 */
export function sections(entries) {
  return soap(entries)
    .filter(({ parts }) => parts.length)
    .map((section) => {
      const parts = section.parts.map(({ title, lines }) => ({
        title: say(`note.${title}`),
        text: lines.map(({ text }) => text).join("\n"),
      }));
      return { title: say(`note.${section.title}`), text: parts.map(({ title, text }) => `${title}:\n${text}`).join("\n"), parts };
    });
}
