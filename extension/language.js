// The language of the extension's documents is that of the page's modules: the browser's, or the one that was chosen in
// the settings, which every open document of the extension follows. The service worker cannot load those modules: what
// is sent to it names the language.

import { translate } from "./page/document/dom.js";
import { KEPT, language, LANGUAGES, onLanguage, setLanguage } from "./page/words/language.js";
import { fill, speak } from "./words.js";

function follow() {
  speak(language());
  fill(document);
}

onLanguage(follow);
addEventListener("storage", ({ key, newValue }) => key === KEPT && LANGUAGES.includes(newValue) && setLanguage(newValue));
follow();
translate();
