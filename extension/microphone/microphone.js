// Asks for the microphone in a tab: Chrome shows its question neither in a side panel nor in an offscreen document.

import { fill, microphoneFault, WORDS } from "../words.js";

const told = document.getElementById("told");

async function ask() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.getTracks().forEach((track) => track.stop());
    told.textContent = WORDS.microphoneAllowed;
  } catch (refused) {
    told.textContent = refused.name === "NotAllowedError" ? WORDS.microphoneBlocked : microphoneFault(refused);
  }
}

fill(document);
document.getElementById("allow").addEventListener("click", ask);
