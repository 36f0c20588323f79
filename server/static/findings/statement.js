// What a finding or an omission says, and the words that prove it.

import { element } from "../document/dom.js";
import { clock, markers } from "../words/words.js";

/** @param {object} said a finding or an omission @returns {HTMLElement} its text, after the words that change what it means */
export function statement(said) {
  const line = element("span", { className: "line" });
  for (const { name, text } of markers(said)) line.append(element("span", { className: "marker", dataset: { name }, textContent: text }), " ");
  line.append(element("span", { className: "what", textContent: said.text }));
  return line;
}

/** @param {{evidence: {quote: string, from_s: number}[]}} said @returns {HTMLElement[]} each quote with its time */
export const proof = ({ evidence }) =>
  evidence.map(({ quote, from_s }) => {
    const words = element("q", { textContent: quote });
    return element("span", { className: "quote" }, words, " ", element("time", { textContent: clock(from_s) }));
  });
