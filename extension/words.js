// What the extension says beside the words of the page: in words/, one file for each language with the same names. They
// are imported as a whole, because a service worker may neither wait at its top nor import while it runs.

import de from "./words/de.js";
import en from "./words/en.js";

const FILES = { de, en };

/** In the language in use: English until `speak` was called. */
export let WORDS = en;

/** @param {string} language its code, as the page's language.js has it */
export function speak(language) {
  WORDS = FILES[language] ?? en;
}

/** Writes the words into the elements of a page that name them. */
export function fill(page) {
  for (const element of page.querySelectorAll("[data-text]")) element.textContent = WORDS[element.dataset.text];
}
