// The language of the page: what it says stands in words/, by keys that are the same in each file. The file of the
// language in use is loaded with this module. Works without a page, in modules that may wait at their top.

const FILES = {
  en: () => import("./en.js"),
  de: () => import("./de.js"),
};

/** The codes of the languages that there are. */
export const LANGUAGES = Object.keys(FILES);

/** Where the browser keeps the language that somebody has chosen: it says nothing about patients. */
export const KEPT = "drtranscribe.language";
const listeners = new Set();
let current = chosen() ?? preferred();
let words = await load(current);

function chosen() {
  try {
    const code = localStorage.getItem(KEPT);
    return LANGUAGES.includes(code) ? code : null;
  } catch {
    return null; // not allowed, or a worker
  }
}

function preferred() {
  const wanted = navigator.languages ?? [navigator.language ?? ""];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((code) => LANGUAGES.includes(code)) ?? LANGUAGES[0];
}

async function load(code) {
  return (await FILES[code]()).default;
}

/** @returns {string} the code of the language in use */
export const language = () => current;

/** @returns {string} what a language calls itself */
export const nameOf = (code) => new Intl.DisplayNames([code], { type: "language" }).of(code);

/**
 * Changes the language; the browser keeps the choice where it may. Rejects where the file cannot be had.
 * @param {string} code of LANGUAGES @param {Record<string, string>} [given] in place of the file
 */
export async function setLanguage(code, given) {
  words = given ?? (await load(code));
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

export const has = (key) => Object.hasOwn(words, key);

/**
 * @param {string} key @param {Record<string, string|number>} [values] of the words in braces
 * @returns {string} in the language in use; the key itself where the file lacks it
 */
export function say(key, values = {}) {
  const said = has(key) ? words[key] : key;
  return said.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name, one, many) => {
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
