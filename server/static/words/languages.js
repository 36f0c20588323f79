// The choice of the language of a page, in its head.

import { byId, element } from "../document/dom.js";
import { language, LANGUAGES, nameOf, setLanguage } from "./language.js";

/** @param {() => void} onUnreached a language could not be had: the page stays in the one before */
export function offerLanguages(onUnreached) {
  const choice = byId("language");
  choice.append(...LANGUAGES.map((code) => element("option", { value: code, lang: code, textContent: nameOf(code) })));
  choice.value = language();
  choice.addEventListener("change", async () => {
    try {
      await setLanguage(choice.value);
    } catch {
      choice.value = language();
      onUnreached();
    }
  });
}
