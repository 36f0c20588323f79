// The settings: kept in this browser alone. Saving asks Chrome for the servers' hosts and tries each of them, in a tab,
// where Chrome can show its question about the local network.

import { Door } from "../door.js";
import "../language.js";
import { byId, element } from "../page/document/dom.js";
import { onLanguage } from "../page/words/language.js";
import { offerLanguages } from "../page/words/languages.js";
import { WORDS } from "../words.js";
import { hostPattern, load, save, serverAddress } from "./settings.js";

const CHUNKS_S = [0.5, 1, 2, 3, 5, 10];
const option = (value, textContent) => element("option", { value, textContent });

async function show() {
  const { addresses, key, chunk_s, microphone, managed } = await load();
  byId("addresses").value = addresses.join("\n");
  byId("addresses").readOnly = managed;
  byId("key").value = key;
  const chunks = CHUNKS_S.includes(chunk_s) ? CHUNKS_S : [...CHUNKS_S, chunk_s];
  byId("chunk").replaceChildren(...chunks.map((seconds) => option(seconds, "")));
  byId("chunk").value = chunk_s;
  const devices = await navigator.mediaDevices.enumerateDevices(); // named only once the microphone is allowed
  const microphones = devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId && deviceId !== "default");
  byId("microphone").replaceChildren(option("", ""), ...microphones.map(({ deviceId, label }) => option(deviceId, label)));
  byId("microphone").value = microphone;
  if (byId("microphone").selectedIndex < 0) byId("microphone").value = ""; // it is not plugged in
  name();
  onLanguage(name);
}

/** Says what no element of the page names, in the language in use. */
function name() {
  if (byId("addresses").readOnly) byId("addresses-hint").textContent = WORDS.addressesManaged;
  for (const chunk of byId("chunk").options) chunk.textContent = WORDS.seconds(Number(chunk.value));
  byId("microphone").options[0].textContent = WORDS.usual;
  byId("origin").textContent = WORDS.origin(location.origin);
}

async function keep() {
  let addresses;
  try {
    addresses = byId("addresses").value.split(/\s+/).filter(Boolean).map(serverAddress);
  } catch (fault) {
    return tell([fault.message]);
  }
  if (!addresses.length) return tell([WORDS.noAddress]);
  byId("addresses").value = addresses.join("\n");
  const asked = chrome.permissions.request({ origins: addresses.map(hostPattern) }); // before any await, while Chrome still takes it for a click
  const key = byId("key").value.trim();
  const chosen = { key, chunk_s: Number(byId("chunk").value), microphone: byId("microphone").value };
  await save(byId("addresses").readOnly ? chosen : { ...chosen, addresses });
  const granted = await asked.catch(() => false);
  tell([WORDS.saved, ...(granted ? [] : [WORDS.hostsRefused])]);
  const door = new Door({ addresses, key });
  for (const address of addresses) {
    const { host } = new URL(address);
    tell([await door.knock(address).then(() => WORDS.ready(host), (refused) => refused.message)], true);
  }
}

function tell(lines, more = false) {
  const items = lines.map((textContent) => element("li", { textContent }));
  if (more) byId("told").append(...items);
  else byId("told").replaceChildren(...items);
}

offerLanguages(() => {}); // the files of words are the extension's own
byId("options").addEventListener("submit", (submission) => {
  submission.preventDefault();
  keep();
});
show().catch((fault) => tell([fault.message]));
