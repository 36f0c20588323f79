// Copies plain text to the clipboard, or shows it to be copied by hand where the browser does not allow that.

import { element, translate } from "./dom.js";

/** @param {string} text @returns {Promise<boolean>} false: it is shown, selected, to be copied by hand */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed, or a page without https://, which has no such clipboard: there is an older way.
  }
  const { shown, box } = byHand(text);
  document.body.append(shown);
  shown.showModal();
  box.select();
  if (document.execCommand("copy")) {
    shown.close();
    return true;
  }
  return false;
}

function byHand(text) {
  const box = element("textarea", { value: text, readOnly: true, rows: 12, "data-words-label": "copy.text" });
  const close = element("button", { type: "submit", words: "close" });
  const form = element("form", { method: "dialog" }, element("p", { words: "copy.hint" }), box, close);
  const shown = element("dialog", { className: "by-hand", "aria-labelledby": "by-hand-title" });
  shown.append(element("h2", { id: "by-hand-title", words: "copy.title" }), form);
  translate(shown);
  shown.addEventListener("close", () => shown.remove());
  return { shown, box };
}
