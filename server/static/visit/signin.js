// Who uses the page. The key goes to the server once, for a cookie that no script can read, and is kept nowhere else.

import { byId, put, tell } from "../document/dom.js";
import { serverFault } from "../words/words.js";

const PATIENCE_MS = 10_000;

const ask = (name, options) => fetch(new URL(`v1/${name}`, document.baseURI), { cache: "no-store", ...options });

export class SignIn {
  kind = "none"; // how people sign in here: "none", "key" or "proxy"
  name = ""; // of who is signed in
  owner = ""; // to whom the visits of that one belong: several keys may have one owner

  /** @param {{onIn: () => void, onOut: () => void}} listener */
  constructor({ onIn, onOut }) {
    this.onIn = onIn;
    this.onOut = onOut;
    byId("sign-in").addEventListener("submit", (submission) => {
      submission.preventDefault();
      this.#enter();
    });
    byId("sign-out").addEventListener("click", () => this.#leave());
  }

  /** Asks the server who this is, and for a key where it has to know. */
  async look() {
    const found = await this.ask();
    if (found === "in") this.onIn();
    if (found === "out") this.#out();
  }

  /** Asks the server who this is, and goes no further. @returns {Promise<"in" | "out" | "unknown">} unknown: no answer */
  async ask() {
    try {
      const answer = await ask("me", { redirect: "manual", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (answer.type === "opaqueredirect") return this.#found("proxy"); // to the sign-on of a proxy
      // Too many come without a key and nothing more is said, or a proxy has answered itself.
      if (answer.status === 401) return this.#found(this.kind === "proxy" ? "proxy" : "key");
      if (!answer.ok) return "unknown";
      const { name, owner, sign_in } = await answer.json();
      return this.#found(sign_in, name, owner);
    } catch {
      return "unknown"; // starting a consultation says that the server does not answer
    }
  }

  #found(kind, name, owner) {
    Object.assign(this, { kind, name: name ?? "", owner: owner ?? "" });
    tell(byId("user"), this.name);
    byId("sign-out").hidden = kind !== "key" || !name;
    byId("key-field").hidden = byId("enter").hidden = kind === "proxy";
    this.#hint(kind === "proxy" ? "sign_in.proxy" : "");
    return kind === "none" || name ? "in" : "out";
  }

  #out() {
    this.onOut();
    if (this.kind === "key") byId("key").focus();
  }

  async #enter() {
    const key = byId("key").value.trim();
    if (!key) return this.#hint("sign_in.no_key");
    byId("enter").disabled = true;
    this.#hint("");
    try {
      const answer = await ask("sign-in", { method: "POST", body: JSON.stringify({ key }) });
      if (answer.ok) {
        byId("key").value = "";
        return await this.look();
      }
      const fault = await answer.json().catch(() => null);
      if (fault) tell(byId("sign-in-hint"), serverFault(fault));
      else this.#hint("sign_in.too_many");
    } catch {
      this.#hint("unreached");
    } finally {
      byId("enter").disabled = false;
    }
  }

  async #leave() {
    try {
      await ask("sign-out", { method: "POST" });
      this.#found(this.kind);
      this.#out();
    } catch {
      put(byId("user"), "sign_in.not_left");
    }
  }

  #hint(key) {
    put(byId("sign-in-hint"), key);
  }
}
