// Builds elements. Text goes in as text, never as markup: it is what people said.

import { language, onLanguage, say } from "../words/language.js";

const values = new WeakMap(); // node -> what the words of its data-words need

/**
 * @param {string} tag
 * @param {object} properties of the element; "dataset" and names with a dash are set as data and as attributes; "words"
 *   is the key of what it says (see language.js)
 * @param {...(Node|string)} children
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name === "words") put(node, value);
    else if (name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Says the words of a key in the node, also after the language has changed. An empty key empties it. */
export function put(node, key, given = {}) {
  values.set(node, given);
  node.dataset.words = key;
  node.textContent = key && say(key, given);
}

/** Says what is in no file of words, such as a sentence of the server. */
export function tell(node, text) {
  delete node.dataset.words;
  node.textContent = text;
}

// Attributes that say something too, by the data that holds their key.
const SPOKEN = { wordsLabel: "aria-label", wordsTitle: "title" };

/** Says everything below a node whose words have a key, in the language in use. */
export function translate(root = document) {
  for (const node of root.querySelectorAll("[data-words]")) put(node, node.dataset.words, values.get(node));
  for (const [name, attribute] of Object.entries(SPOKEN)) {
    const selector = `[data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`;
    for (const node of root.querySelectorAll(selector)) node.setAttribute(attribute, say(node.dataset[name]));
  }
  if (root === document) document.documentElement.lang = language();
}

onLanguage(() => translate());

/** Scrolls softly, or at once for people who asked for less motion. */
export function reveal(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
}
