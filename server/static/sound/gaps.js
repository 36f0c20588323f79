// Gaps of the recording, in words. They stand in the transcript where nothing was recorded.

import { say } from "../words/language.js";

function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return say("gap.seconds", { seconds: whole });
  return say("gap.minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}

/** @typedef {{at: number, seconds: number, reason: string}} Gap `at` in seconds of the session's audio */

/** @param {Gap} gap @returns {string} */
export const gapText = ({ seconds, reason }) => say(`gap.${reason}`, { duration: duration(seconds) });
