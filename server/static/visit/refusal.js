// A visit whose sign-in the server no longer takes: the form to sign in again stands over it until the visit goes on.

import { byId, put } from "../document/dom.js";
import { language } from "../words/language.js";

const NO_SUCH_SESSION = 4404;
const ASK_AGAIN_MS = 5000; // a network that is away refuses every try

export class Refusal {
  #visit = null; // the consultation that waits
  #asked = -Infinity;

  /** @param {import("./signin.js").SignIn} signIn */
  constructor(signIn) {
    this.signIn = signIn;
    addEventListener("focus", () => this.#look()); // somebody may have signed in again in another tab
  }

  /** Whether a visit waits for somebody to sign in again. */
  get stands() {
    return this.#visit !== null;
  }

  /** @param {import("./consultation.js").Consultation} visit @param {{code: number, left_s: number}} refused */
  async show(visit, { code, left_s }) {
    this.#visit = visit;
    const at = new Date(Date.now() + left_s * 1000);
    const found = await this.signIn.ask();
    if (this.#visit !== visit) return; // over meanwhile
    if (code === NO_SUCH_SESSION && found === "in" && this.signIn.owner === visit.user) return visit.abandon(code);
    const proxy = this.signIn.kind === "proxy" && found === "out";
    if (proxy) put(byId("sign-in-hint"), "");
    put(byId("sign-in-why"), `refused.${proxy ? "proxy" : code}`, {
      time: at.toLocaleTimeString(language(), { timeStyle: "medium" }),
    });
    byId("sign-in").hidden = false;
  }

  /** The visit goes on, or is over. */
  end() {
    if (!this.#visit) return;
    this.#visit = null;
    put(byId("sign-in-why"), "");
    byId("sign-in").hidden = true;
  }

  /** The connection is lost: if it is for want of a sign-in, the visit waits for one instead of trying on. */
  async suspect(visit) {
    if (performance.now() - this.#asked < ASK_AGAIN_MS) return;
    this.#asked = performance.now();
    if ((await this.signIn.ask()) === "out") visit.refuse();
  }

  async #look() {
    const visit = this.#visit;
    if (visit && (await this.signIn.ask()) === "in") visit.retry();
  }
}
