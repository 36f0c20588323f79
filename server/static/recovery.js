// After a reload or a crash: finds the visit that was interrupted, and offers to go on with it, or to end it.

import { byId } from "./dom.js";

const AT_ONCE_S = 60; // a page that was reloaded so shortly ago is still with the same patient

const TEXT = {
  title: (time) => `A visit was interrupted at ${time}`,
  text: "What was recorded until then is kept in this browser until the server has it. Going on opens the microphone again.",
  file: "It was played from a file, which this page no longer has. What was heard of it is kept.",
  expired: (time) =>
    `A visit was interrupted at ${time}, too long ago to go on. What this browser kept of it was erased; the server has its record as far as it came.`,
};

const time = (milliseconds) => new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** How to go on without asking, or null. @returns {Promise<"listen" | "finish" | null>} */
async function unasked(visit) {
  if (visit.ending) return "finish"; // the clinician has pressed Stop, or the patient has withdrawn
  if (!visit.choice) return null;
  const [entry] = performance.getEntriesByType("navigation");
  if (entry?.type !== "reload" || Date.now() - visit.touched > AT_ONCE_S * 1000) return null;
  try {
    const { state } = await navigator.permissions.query({ name: "microphone" });
    return state === "granted" ? "listen" : null;
  } catch {
    return null; // this browser does not tell
  }
}

export class Recovery {
  #found = null;
  #looking = false;
  #timer = 0;

  /**
   * @param {import("./visits.js").Visits} visits
   * @param {{goOn: (visit: object, listen: boolean) => Promise<boolean>, tell: (text: string) => void}} page `goOn` says
   *   whether it could
   */
  constructor(visits, page) {
    Object.assign(this, { visits, page });
    byId("go-on").addEventListener("click", () => this.#goOn(true));
    byId("end-kept").addEventListener("click", () => this.#goOn(false));
    byId("sign-out").addEventListener("click", () => this.#forget());
  }

  /** @param {string} user who is signed in */
  async look(user) {
    if (this.#looking || this.#found) return;
    this.#looking = true;
    try {
      const { visit, expired } = await this.visits.interrupted(user);
      if (expired.length) this.page.tell(TEXT.expired(time(expired[0].touched)));
      if (!visit) return;
      this.#found = visit;
      const how = await unasked(visit);
      if (how) await this.#goOn(how === "listen");
      else this.#offer();
    } finally {
      this.#looking = false;
    }
  }

  #offer() {
    const { touched, choice } = this.#found;
    byId("interrupted-title").textContent = TEXT.title(time(touched));
    byId("interrupted-text").textContent = choice ? TEXT.text : TEXT.file;
    byId("go-on").hidden = !choice;
    byId("interrupted").hidden = false;
    byId(choice ? "go-on" : "end-kept").focus();
    const left_ms = touched + this.visits.patience_s(this.#found) * 1000 - Date.now();
    this.#timer = setTimeout(() => this.#expire(), left_ms);
  }

  async #expire() {
    const { touched } = this.#found;
    await this.#forget();
    this.page.tell(TEXT.expired(time(touched)));
  }

  async #goOn(listen) {
    clearTimeout(this.#timer);
    byId("interrupted").hidden = true;
    if (await this.page.goOn(this.#found, listen)) this.#found = null;
    else this.#offer();
  }

  async #forget() {
    clearTimeout(this.#timer);
    byId("interrupted").hidden = true;
    this.#found?.release();
    this.#found = null;
    await this.visits.eraseAll().catch(() => {}); // nothing was kept
  }
}
