// The events of a session that runs elsewhere, as Server-Sent Events: the browser comes back by itself after a cut.

const TYPES = ["transcript", "extraction", "notice", "omissions", "session_paused", "session_continued", "session_stopped"];
const RETRY_S = 10; // after a refusal that is no answer for good
const PASSING = new Set([429, 500, 502, 503, 504]);

export class Watching {
  #source = null;
  #timer = 0;
  #lastSeq = 0;

  /**
   * States: "connecting", "open", "reconnecting", "ended" (the session is over), "refused" with {status, code, message}.
   * @param {string} sessionId
   * @param {{onEvent: (event: object) => void, onState: (state: string, detail: object) => void}} listener
   */
  constructor(sessionId, listener) {
    this.sessionId = sessionId;
    this.listener = listener;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  get #url() {
    const url = new URL(`v1/sessions/${encodeURIComponent(this.sessionId)}/events`, document.baseURI);
    url.hash = "";
    url.search = this.#lastSeq ? new URLSearchParams({ last_event_id: this.#lastSeq }) : "";
    return url;
  }

  #connect() {
    this.listener.onState(this.#lastSeq ? "reconnecting" : "connecting", {});
    const source = new EventSource(this.#url);
    this.#source = source;
    source.onopen = () => this.listener.onState("open", {});
    source.onerror = () => this.#lost(source);
    for (const type of TYPES) source.addEventListener(type, ({ data }) => this.#receive(JSON.parse(data)));
  }

  #receive(event) {
    if (event.seq <= this.#lastSeq) return;
    this.#lastSeq = event.seq;
    this.listener.onEvent(event);
    if (event.type === "session_stopped") {
      this.close();
      this.listener.onState("ended", {});
    }
  }

  #lost(source) {
    if (source !== this.#source) return;
    if (source.readyState === EventSource.CONNECTING) return this.listener.onState("reconnecting", {});
    this.#ask(); // refused: an EventSource does not tell its page why
  }

  async #ask() {
    this.close();
    const asking = new AbortController();
    try {
      const answer = await fetch(this.#url, { cache: "no-store", signal: asking.signal });
      if (answer.status === 204) return this.listener.onState("ended", {});
      if (answer.ok) return this.#again(0.5); // it is let in by now
      const { code, message = "", retry_after_s } = await answer.json().catch(() => ({}));
      if (PASSING.has(answer.status)) this.#again(retry_after_s ?? RETRY_S);
      this.listener.onState("refused", { status: answer.status, code, message });
    } catch {
      this.#again(1);
      this.listener.onState("reconnecting", {});
    } finally {
      asking.abort();
    }
  }

  #again(wait_s) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), wait_s * 1000);
  }
}
