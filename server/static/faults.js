// Why the microphone could not be had, and what to do: what words.js does not say already.

import { microphoneFault } from "./words.js";

const TEXT = {
  NotSupportedError:
    "This browser is too old to listen. Use a current Chrome, Edge, Firefox or Safari, or ask your IT department to update it.",
  OverconstrainedError: "The chosen microphone is not there any more. Plug it in, or choose another one.",
  OneChannelError:
    "This microphone gives one channel, so the speakers cannot be told apart by it. Choose one microphone for everybody, or two microphones.",
  SameDeviceError: "Clinician and patient have the same microphone. Choose two different ones, or one microphone for everybody.",
  RateError: "This microphone does not fit the interrupted visit. Plug in the one that was used before, or end the visit and keep its record.",
  UnreadableError: "What this browser kept of the interrupted visit cannot be read. The server has its record as far as it came.",
  InvalidStateError: "The browser has not started to listen. Press the button once more.",
};

/** @param {{name: string}} fault of Microphone.open @returns {string} */
export const captureFault = (fault) => TEXT[fault.name] ?? microphoneFault(fault);
