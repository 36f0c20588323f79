// Who uses the page. The key goes to the server once, for a cookie that no script can read, and is kept nowhere else.

import { byId } from "./dom.js";

const ask = (name, options) => fetch(new URL(`v1/${name}`, document.baseURI), { cache: "no-store", ...options });

const UNREACHED = "The server does not answer. Check that it is running and that this computer is on its network.";
const NO_SIGN_ON = "Your hospital's sign-on did not tell the server who you are. Reload this page to sign on again.";

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
    byId("user").textContent = name ?? "";
    byId("sign-out").hidden = kind !== "key" || !name;
    if (kind === "none" || name) return this.onIn();
    byId("key-field").hidden = kind === "proxy";
    byId("enter").hidden = kind === "proxy";
    this.#tell(kind === "proxy" ? NO_SIGN_ON : "");
    this.onOut();
    if (kind === "key") byId("key").focus();
  }

  async #enter() {
    const key = byId("key").value.trim();
    if (!key) return this.#tell("Type or paste your key.");
    byId("enter").disabled = true;
    this.#tell("");
    try {
      const answer = await ask("sign-in", { method: "POST", body: JSON.stringify({ key }) });
      if (answer.ok) {
        byId("key").value = "";
        return await this.look();
      }
      const { message, retry_after_s } = await answer.json().catch(() => ({ message: "Too many tries. Wait a little" }));
      const words = message.charAt(0).toUpperCase() + message.slice(1);
      this.#tell(retry_after_s ? `${words}, in ${Math.ceil(retry_after_s)} s.` : `${words}.`);
    } catch {
      this.#tell(UNREACHED);
    } finally {
      byId("enter").disabled = false;
    }
  }

  async #leave() {
    try {
      await ask("sign-out", { method: "POST" });
      this.#show(this.#kind, null);
    } catch {
      byId("user").textContent = "Not signed out: the server does not answer";
    }
  }

  #tell(text) {
    byId("sign-in-hint").textContent = text;
  }
}
