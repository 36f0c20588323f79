// The language of the page: what it says stands in words/, by keys that are the same in each file. Works without a page.

import de from "./words/de.js";
import en from "./words/en.js";

/** Each language by its code. A language with a key fewer falls back to English. */
export const LANGUAGES = { en, de };

const KEPT = "drtranscribe.language"; // in the browser, once somebody has chosen: it says nothing about patients
const listeners = new Set();
let current = chosen() ?? preferred();

function chosen() {
  try {
    const code = localStorage.getItem(KEPT);
    return code in LANGUAGES ? code : null;
  } catch {
    return null; // not allowed, or a worker
  }
}

function preferred() {
  const wanted = navigator.languages ?? [navigator.language ?? ""];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((code) => code in LANGUAGES) ?? "en";
}

/** @returns {string} the code of the language in use */
export const language = () => current;

/** @param {string} code of LANGUAGES; the browser keeps the choice where it may */
export function setLanguage(code) {
  current = code;
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // for this visit only
  }
  for (const listener of listeners) listener();
}

/** @param {() => void} listener called after the language has changed */
export const onLanguage = (listener) => listeners.add(listener);

export const has = (key) => key in LANGUAGES[current] || key in en;

/**
 * @param {string} key @param {Record<string, string|number>} [values] of the words in braces
 * @returns {string} in the language in use; the key itself where no file has it
 */
export function say(key, values = {}) {
  const words = LANGUAGES[current][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) => {
    const value = values[name];
    if (value === undefined) return whole;
    const shown = typeof value === "number" ? number(value) : value;
    return one === undefined ? shown : `${shown} ${value === 1 ? one : many}`;
  });
}

function number(value) {
  const digits = Number.isInteger(value) ? 0 : 1;
  return value.toLocaleString(current, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
