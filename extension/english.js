// The modules of the page follow the language of the browser. The extension's own words are English, so that theirs are
// too: a panel, and a note for the record, in two languages would be misread.

import { language, setLanguage } from "./page/language.js";

const ENGLISH = "en";

if (language() !== ENGLISH) await setLanguage(ENGLISH);
