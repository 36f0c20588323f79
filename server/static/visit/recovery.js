// After a reload or a crash: finds the visit that was interrupted, and offers to go on with it, or to end it.

import { byId, put } from "../document/dom.js";
import { language } from "../words/language.js";

const AT_ONCE_S = 60; // a page that was reloaded so shortly ago is still with the same patient

const time = (milliseconds) => new Date(milliseconds).toLocaleTimeString(language(), { hour: "2-digit", minute: "2-digit" });

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
  #forgotten = Promise.resolve(); // when what was to be erased is gone
  #looking = false;
  #timer = 0;

  /**
   * @param {import("./visits.js").Visits} visits
   * @param {{goOn: (visit: object, listen: boolean) => Promise<boolean>, tell: (key: string, values: object) => void}} page `goOn` says
   *   whether it could
   */
  constructor(visits, page) {
    Object.assign(this, { visits, page });
    byId("go-on").addEventListener("click", () => this.#goOn(true));
    byId("end-kept").addEventListener("click", () => this.#goOn(false));
    byId("sign-out").addEventListener("click", () => this.#forget());
  }

  /** @param {string} user the owner who is signed in */
  async look(user) {
    if (this.#looking || this.#found) return;
    this.#looking = true;
    try {
      await this.#forgotten; // else a visit that is being erased would be offered
      const { visit, expired } = await this.visits.interrupted(user);
      if (expired.length) this.page.tell("interrupted.expired", { time: time(expired[0].touched) });
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
    put(byId("interrupted-title"), "interrupted.title", { time: time(touched) });
    put(byId("interrupted-text"), choice ? "interrupted.text" : "interrupted.file");
    byId("go-on").hidden = !choice;
    byId("interrupted").hidden = false;
    byId(choice ? "go-on" : "end-kept").focus();
    const left_ms = touched + this.visits.patience_s(this.#found) * 1000 - Date.now();
    this.#timer = setTimeout(() => this.#expire(), left_ms);
  }

  async #expire() {
    const { touched } = this.#found;
    await this.#forget();
    this.page.tell("interrupted.expired", { time: time(touched) });
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
    this.#forgotten = this.visits.eraseAll().catch(() => {}); // nothing was kept
    await this.#forgotten;
  }
}
