// The link that opens the consultation of this page on a second screen.

import { byId, element } from "../document/dom.js";

export class SecondScreen {
  constructor() {
    const dataset = { wordsTitle: "second.hint" };
    this.link = element("a", { className: "quiet button", target: "_blank", rel: "noopener", words: "second.link", dataset, hidden: true });
    byId("withdraw").before(this.link);
  }

  /** @param {string|null} sessionId of the consultation that may be watched; null for none */
  offer(sessionId) {
    this.link.hidden = !sessionId;
    if (!sessionId) return this.link.removeAttribute("href");
    const url = new URL("watch", document.baseURI);
    url.search = "";
    url.hash = encodeURIComponent(sessionId); // behind the #, where no proxy sees it
    this.link.href = url;
  }
}
