// What a user or an administrator has set. The key stays on this computer: Chrome's synchronised storage is not used.

import { WORDS } from "../words.js";

const NEEDED = { addresses: [], key: "", chunk_s: 3, microphone: "" };
const LOOPBACK = new Set(["localhost", "127.0.0.1"]);

/** @returns {Promise<{addresses: string[], key: string, chunk_s: number, microphone: string, managed: boolean}>} */
export async function load() {
  const own = await chrome.storage.local.get(NEEDED);
  const set = await chrome.storage.managed.get(["addresses", "chunk_s"]).catch(() => ({})); // no policy: it may throw
  const managed = Boolean(set.addresses?.length);
  const addresses = managed ? set.addresses.map(serverAddress) : own.addresses;
  return { ...own, addresses, chunk_s: set.chunk_s || own.chunk_s, managed };
}

/** Also for a consultation that runs: the time makes a change of a key that was saved once more. */
export const save = (changed) => chrome.storage.local.set({ ...changed, saved_at: Date.now() });

/**
 * @param {string} text as a person types it, such as "scribe.example"
 * @returns {string} the address of the server's page, with a slash at its end
 * @throws {TypeError} whose message says what to type
 */
export function serverAddress(text) {
  const typed = text.trim();
  let url;
  try {
    url = new URL(typed.includes("://") ? typed : `https://${typed}`);
  } catch {
    throw new TypeError(WORDS.badAddress(typed));
  }
  url.protocol = url.protocol.replace(/^ws/, "http");
  // What patients say never travels in plain text, but to this computer itself.
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.has(url.hostname)))
    throw new TypeError(WORDS.plainAddress(typed));
  if (url.username || url.password) throw new TypeError(WORDS.badAddress(typed));
  const path = url.pathname.replace(/\/ws$/, "/");
  return `${url.origin}${path.endsWith("/") ? path : `${path}/`}`;
}

/** The permission to reach a host, as Chrome writes it; ports do not count there. */
export function hostPattern(address) {
  const { protocol, hostname } = new URL(address);
  return `${protocol}//${hostname}/*`;
}
