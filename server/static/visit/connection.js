// One consultation over a WebSocket (drtranscribe.v1): starts it, and takes it up again when the connection is lost.

import { Outbox } from "./outbox.js";

const SUBPROTOCOL = "drtranscribe.v1";
const RETRY_S = [0.3, 1];
const ANSWER_S = 1.5; // a network that comes back answers a new try at once, and an old one when TCP repeats it
const MOST_TRIES = 4; // at once: a slow network has as many times as long
const BACKLOG_S = 600;
const WAKE_AFTER_S = 3; // the same, when the network has just come back
const DEAD_AFTER_S = 30; // no event for so long, though audio waits for an answer: the line is dead without a close
const NO_ANSWER = 1006;
const NOT_AUTHORISED = 4401;
const NO_SUCH_SESSION = 4404; // also of a session that belongs to somebody else
const FINAL_CODES = new Set([1000, 1008, 1009, 4408]);
const REFUSALS = new Set([NOT_AUTHORISED, NO_SUCH_SESSION]);

function discard(socket, tries) {
  tries.delete(socket);
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}

/**
 * States: "connecting" -> "open" <-> "reconnecting" -> "ended"; a session that never started goes to "ended" too.
 * "refused": the server does not give the session to who asks for it. Sound is kept as after a lost network; `retry`
 * asks again, for one who has shown another key, and the end comes when the server no longer waits.
 * The close code (1006: no answer) comes with "ended" and with "refused", which has the seconds that are left for another
 * key too; the seconds until the next try come with "reconnecting".
 * Where this is not the server's own page, the listener also has the `addresses` to try in turn, and a `WebSocket` that
 * shows a ticket.
 */
export class Connection {
  #socket = null;
  #tries = new Set(); // sockets that have not opened yet
  #session = null;
  #lastSeq = 0;
  #attempts = 0;
  #lostAt = 0;
  #heardAt = 0;
  #resumed = true;
  #retry = 0;
  #ended = false;
  #addresses = [null]; // null is the server that the page is of; the first one is tried next
  #unknown = 0; // servers in a row that do not know the session
  #refusal = 0; // the code of the last "refused"

  /**
   * @param {object} start the start_session message
   * @param {{onEvent: (event: object) => void, onState: (state: string, detail: object) => void}} listener
   * @param {object} [kept] a visit that an earlier page began (visits.js): all its events come again
   */
  constructor(start, listener, kept) {
    this.start = start;
    this.listener = listener;
    this.#addresses = [...(listener.addresses ?? [null])];
    this.outbox = new Outbox(start.audio.channels, BACKLOG_S * start.audio.sample_rate);
    if (kept) {
      this.outbox.restore(kept);
      this.#session = kept.visit;
      this.#addresses.push(...(kept.visit.addresses ?? []));
      this.#resumed = false;
      this.#lostAt = performance.now();
    }
    this.watchdog = setInterval(() => this.#checkAlive(), 5000);
    this.online = () => {
      if (this.#retry) this.#connect();
      else if (this.state === "open") this.#checkAlive(WAKE_AFTER_S);
    };
    addEventListener("online", this.online);
    this.#setState("connecting");
    this.#connect();
  }

  /** Seconds of audio that the server has not counted yet. */
  get pending_s() {
    return this.outbox.pending / this.start.audio.sample_rate;
  }

  /** @param {Int16Array} pcm */
  sendAudio(pcm) {
    this.outbox.addAudio(pcm);
    if (this.#open) this.#socket.send(pcm);
  }

  /** @param {object} message @param {string} answer type of the event that answers it: until then it is sent again */
  request(message, answer) {
    const numbered = this.outbox.addRequest(message, answer);
    if (this.#open) this.#send(numbered);
  }

  /** Says it if there is a connection, and again if that is lost before the answer. Returns its number, else 0. */
  tell(message) {
    if (!this.#open) return 0;
    const numbered = this.outbox.addRequest(message);
    this.#send(numbered);
    return numbered.request;
  }

  /** Asks for the session again, where it was refused. */
  retry() {
    if (this.state !== "refused") return;
    this.#unknown = 0;
    this.#setState("reconnecting", { wait_s: 0 });
    this.#connect();
  }

  /** Stops asking until `retry`: a browser does not tell its page that a handshake was refused, but something else did. */
  refuse(code = NOT_AUTHORISED) {
    if (this.state !== "reconnecting") return;
    this.#drop();
    this.#refused(code);
  }

  end(code = 1000) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.watchdog);
    removeEventListener("online", this.online);
    this.#drop();
    this.#setState("ended", { code });
  }

  get #open() {
    return this.#socket?.readyState === WebSocket.OPEN && this.#session !== null && this.#resumed;
  }

  /** For so long the server still waits for this page. */
  get #left_s() {
    return (this.#session?.limits?.resume_ttl_s ?? 120) - (performance.now() - this.#lostAt) / 1000;
  }

  get #givenUp() {
    return this.#left_s < 0;
  }

  #setState(state, detail = {}) {
    this.state = state;
    this.listener.onState(state, detail);
  }

  #connect() {
    const WebSocket = this.listener.WebSocket ?? globalThis.WebSocket;
    clearTimeout(this.#retry);
    this.#retry = 0;
    const address = this.#addresses[0];
    const url = new URL(address ?? "ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.search = "";
    const socket = new WebSocket(url, [SUBPROTOCOL]);
    this.#tries.add(socket);
    // The cookie of a page is for its own server alone: that another one does not know who asks is no word about a key.
    const said = (code) => (code === NOT_AUTHORISED && address && !this.listener.WebSocket ? NO_ANSWER : code);
    socket.onopen = () => this.#adopt(socket, said);
    socket.onclose = ({ code }) => {
      this.#tries.delete(socket);
      if (!this.#tries.size || code === NOT_AUTHORISED) this.#lost(said(code));
    };
    if (!this.#session) return;
    if (this.#tries.size > MOST_TRIES) discard(this.#tries.values().next().value, this.#tries);
    this.#retry = setTimeout(() => this.#tryNext(), ANSWER_S * 1000);
  }

  /** The last try has no answer yet: another one beside it, at the next address. */
  #tryNext() {
    if (this.#givenUp) return this.end(NO_ANSWER);
    this.#addresses.push(this.#addresses.shift());
    this.#connect();
  }

  /** The first try that opens is the connection; the others are not needed. */
  #adopt(socket, said) {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#tries.delete(socket);
    for (const other of this.#tries) discard(other, this.#tries);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#lost(said(code));
    this.#greet();
  }

  #greet() {
    this.#heardAt = performance.now();
    if (!this.#session) return this.#send(this.start);
    const { session_id, resume_token } = this.#session;
    this.#send({ type: "resume_session", session_id, resume_token, last_seq: this.#lastSeq });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(text) {
    this.#heardAt = performance.now();
    const event = JSON.parse(text);
    if (event.type === "session_resumed") return this.#goOn(event.received_samples);
    if (this.#resumed && event.seq) { // an error before there is a session has none
      if (event.seq <= this.#lastSeq) return;
      this.#lastSeq = event.seq;
    }
    if (event.type === "session_started") {
      if (!this.#session) this.#addresses.push(...(event.addresses ?? []));
      this.#session ??= event; // of a session that was taken up, the log may have no token
      this.#setState("open");
    }
    if (event.type === "progress") this.outbox.acknowledge(event.received_samples, event.durable_samples);
    this.outbox.answered(event);
    this.listener.onEvent(event);
    if (event.type === "session_stopped") this.end();
  }

  #goOn(received) {
    this.#resumed = true;
    this.#attempts = this.#unknown = 0;
    for (const item of this.outbox.replay(received)) {
      if (item instanceof Int16Array) this.#socket.send(item);
      else this.#send(item);
    }
    this.#setState("open");
  }

  #lost(code) {
    if (this.#ended) return;
    this.#drop();
    if (this.state === "open") this.#lostAt = performance.now();
    if (code === NO_SUCH_SESSION) this.#unknown += 1;
    const elsewhere = code === NO_SUCH_SESSION && this.#unknown < this.#addresses.length;
    if (!this.#session || FINAL_CODES.has(code) || this.#givenUp) return this.end(code);
    this.#resumed = false;
    if (REFUSALS.has(code) && !elsewhere) return this.#refused(code);
    this.#addresses.push(this.#addresses.shift());
    const round = Math.floor(this.#attempts++ / this.#addresses.length);
    const wait_s = RETRY_S[Math.min(round, RETRY_S.length - 1)];
    this.#retry = setTimeout(() => this.#connect(), wait_s * 1000);
    this.#setState("reconnecting", { wait_s });
  }

  #refused(code) {
    this.#refusal = code;
    this.#setState("refused", { code, left_s: this.#left_s });
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    for (const socket of this.#tries) discard(socket, this.#tries);
    if (this.#socket) discard(this.#socket, this.#tries);
    this.#socket = null;
  }

  #checkAlive(after_s = DEAD_AFTER_S) {
    if (this.state === "refused" && this.#givenUp) return this.end(this.#refusal);
    const silent_s = (performance.now() - this.#heardAt) / 1000;
    if (this.#socket && this.state !== "connecting" && this.pending_s > 0 && silent_s > after_s) this.#lost(NO_ANSWER);
  }
}
