// Asks for the microphone in a tab: Chrome shows its question neither in a side panel nor in an offscreen document.

import "../language.js";
import { say } from "../page/words/language.js";
import { microphoneFault } from "../page/words/words.js";
import { WORDS } from "../words.js";

const told = document.getElementById("told");

async function ask() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.getTracks().forEach((track) => track.stop());
    told.textContent = WORDS.microphoneAllowed;
  } catch (refused) {
    told.textContent = refused.name === "NotAllowedError" ? WORDS.microphoneBlocked : say(microphoneFault(refused));
  }
}

document.getElementById("allow").addEventListener("click", ask);
