// The link on the page that listens which opens its consultation on a second screen.

import { byId, element } from "./dom.js";

const WORDS = {
  link: "Second screen",
  hint: "Opens a page that only watches this consultation. Copy the link to use it on another device.",
};

export class SecondScreen {
  constructor() {
    this.link = element("a", { className: "quiet button", target: "_blank", rel: "noopener", title: WORDS.hint, hidden: true });
    this.link.textContent = WORDS.link;
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
