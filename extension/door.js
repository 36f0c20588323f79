// How the extension gets into a server: it finds the address that answers, and asks for a ticket before each
// connection. The key goes to the addresses of the settings alone, in a header: never into a URL, never to an address
// that a server named.

import { networkBlocked } from "./page/visit/network.js";
import { WORDS } from "./words.js";

const PATIENCE_MS = 10_000;
const NOT_AUTHORISED = 4401;
const NO_ANSWER = 1006;
const FULL = 1013;

export class Refused extends Error {
  /** @param {number} code a close code of a WebSocket @param {string} message what a person can do */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class Door {
  /** @param {{addresses: string[], key: string}} settings */
  constructor(settings) {
    this.fault = ""; // why the last ticket was refused
    this.take(settings);
  }

  /** @param {{addresses: string[], key: string}} settings for the next connection, both: a key belongs to its addresses */
  take({ addresses, key }) {
    this.addresses = addresses;
    this.key = key;
    this.owner = undefined; // to whom consultations with this key belong, once a server has said it
  }

  /**
   * Tries the addresses in turn, with a request that may make Chrome ask for access to the local network. Chrome would
   * not ask for a WebSocket. @returns {Promise<string[]>} the addresses as WebSockets, the first that answers in front
   * @throws {Refused} the fault of the last address that was tried
   */
  async open() {
    let fault = new Refused(NO_ANSWER, WORDS.noAddress);
    for (const address of this.addresses) {
      try {
        await this.knock(address);
        return [address, ...this.addresses.filter((other) => other !== address)].map(socketOf);
      } catch (refused) {
        fault = refused;
        if (refused.code === NOT_AUTHORISED) break;
      }
    }
    throw fault;
  }

  /** Whether a server is there, knows this extension and takes the key. @throws {Refused} */
  async knock(address) {
    const { sign_in, owner } = await this.#ask(address, "GET", "v1/me");
    if (sign_in === "key" && !this.key) throw new Refused(NOT_AUTHORISED, WORDS.keyMissing);
    if (sign_in === "proxy" && !this.key) throw new Refused(NOT_AUTHORISED, WORDS.signOn);
    if (!sign_in) throw new Refused(NO_ANSWER, WORDS.notAServer(new URL(address).host));
    await this.#ask(address, "POST", "v1/tickets");
    this.owner = owner;
  }

  /** @param {URL} url of a WebSocket @returns {Promise<string>} a ticket for one connection @throws {Refused} */
  async ticket(url) {
    try {
      const address = this.addresses.find((known) => socketOf(known) === url.href);
      if (!address) throw new Refused(NO_ANSWER, WORDS.unknownAddress(url.host));
      const { ticket } = await this.#ask(address, "POST", "v1/tickets");
      this.fault = "";
      return ticket;
    } catch (refused) {
      this.fault = refused.message;
      throw refused;
    }
  }

  /** @returns {typeof TicketSocket} what the page's connection opens in place of a WebSocket */
  get WebSocket() {
    const door = this;
    return class extends TicketSocket {
      constructor(url, [subprotocol]) {
        super(url, subprotocol, door.ticket(url));
      }
    };
  }

  async #ask(address, method, name) {
    const { host } = new URL(address);
    const headers = this.key ? { Authorization: `Bearer ${this.key}` } : {};
    const options = { method, headers, cache: "no-store", credentials: "omit", redirect: "error" };
    let answer;
    try {
      answer = await fetch(new URL(name, address), { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch {
      throw new Refused(NO_ANSWER, (await networkBlocked()) ? WORDS.networkBlocked : WORDS.unreached(host));
    }
    const text = await answer.text().catch(() => "");
    if (answer.ok) return read(text);
    const { code = text.split(":")[0], retry_after_s } = read(text);
    if (code === "origin_not_allowed") throw new Refused(NO_ANSWER, WORDS.extensionUnknown(host, location.origin));
    if (code === "host_not_allowed") throw new Refused(NO_ANSWER, WORDS.hostUnknown(host));
    if (code === "scope_missing") throw new Refused(NOT_AUTHORISED, WORDS.keyMayNot);
    if (answer.status === 401) throw new Refused(NOT_AUTHORISED, this.key ? WORDS.keyRefused : WORDS.keyMissing);
    if (answer.status === 429) throw new Refused(FULL, WORDS.tooOften(retry_after_s));
    throw new Refused(NO_ANSWER, WORDS.notAServer(host));
  }
}

/** A WebSocket that waits for its ticket before it connects: as much of its interface as the page's connection uses. */
class TicketSocket {
  #socket = null;
  #closed = false;
  onopen = null;
  onmessage = null;
  onclose = null;

  constructor(url, subprotocol, ticket) {
    ticket.then(
      (shown) => this.#closed || this.#connect(new WebSocket(url, [subprotocol, `bearer.${shown}`])),
      ({ code = NO_ANSWER }) => this.#closed || this.onclose?.({ code }),
    );
  }

  get readyState() {
    return this.#socket?.readyState ?? (this.#closed ? WebSocket.CLOSED : WebSocket.CONNECTING);
  }

  send(data) {
    this.#socket.send(data);
  }

  close() {
    this.#closed = true;
    this.#socket?.close();
  }

  #connect(socket) {
    this.#socket = socket;
    for (const name of ["onopen", "onmessage", "onclose"]) socket[name] = (event) => this[name]?.(event);
  }
}

/** @returns {string} the WebSocket of a server's address */
export function socketOf(address) {
  const url = new URL("ws", address);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

function read(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
