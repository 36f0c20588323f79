// Who uses the page. The key goes to the server once, for a cookie that no script can read, and is kept nowhere else.

import { byId, put, tell } from "./dom.js";
import { serverFault } from "./words.js";

const ask = (name, options) => fetch(new URL(`v1/${name}`, document.baseURI), { cache: "no-store", ...options });

export class SignIn {
  #kind = "none"; // how people sign in here: "none", "key" or "proxy"
  name = ""; // of who is signed in

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
    try {
      const answer = await ask("me");
      if (answer.status === 401) return this.#show("key", null); // too many come without a key: nothing more is said
      if (!answer.ok) return;
      const { name, sign_in } = await answer.json();
      this.#show(sign_in, name);
    } catch {
      // The page goes on: starting a consultation says that the server does not answer.
    }
  }

  #show(kind, name) {
    this.#kind = kind;
    this.name = name ?? "";
    tell(byId("user"), this.name);
    byId("sign-out").hidden = kind !== "key" || !name;
    if (kind === "none" || name) return this.onIn();
    byId("key-field").hidden = kind === "proxy";
    byId("enter").hidden = kind === "proxy";
    this.#hint(kind === "proxy" ? "sign_in.proxy" : "");
    this.onOut();
    if (kind === "key") byId("key").focus();
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
      this.#show(this.#kind, null);
    } catch {
      put(byId("user"), "sign_in.not_left");
    }
  }

  #hint(key) {
    put(byId("sign-in-hint"), key);
  }
}
