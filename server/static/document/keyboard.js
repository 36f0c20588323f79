// Shortcuts: Alt and Shift with a letter, so that none of them is a letter that somebody types, or a key of the browser.

import { byId, element, put } from "./dom.js";

// The letter, and the id of what it presses or goes to.
const KEYS = [
  ["P", "pause"],
  ["S", "stop"],
  ["T", "transcript"],
  ["F", "groups"],
  ["K", "keyboard"],
];

export function listenToKeys() {
  const list = byId("shortcuts");
  for (const [letter, id] of KEYS) {
    const key = element("kbd");
    put(key, "keyboard.keys", { letter });
    list.append(element("dt", {}, key), element("dd", { words: `keyboard.${id}` }));
    byId(id).setAttribute("aria-keyshortcuts", `Alt+Shift+${letter}`);
  }
  byId("keyboard").addEventListener("click", () => byId("keyboard-list").showModal());
  byId("keyboard-close").addEventListener("click", () => byId("keyboard-list").close());
  addEventListener("keydown", (event) => {
    if (!event.altKey || !event.shiftKey || event.ctrlKey || event.metaKey || byId("keyboard-list").open) return;
    const [, id] = KEYS.find(([letter]) => event.code === `Key${letter}`) ?? []; // by its place: Alt changes the sign
    if (!id) return;
    event.preventDefault();
    const target = byId(id);
    if (!target.checkVisibility()) return;
    if (target.tagName === "BUTTON") target.click();
    target.focus();
  });
}
