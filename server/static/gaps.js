// Gaps of the recording, in words. They stand in the transcript where nothing was recorded.

const TEXT = {
  all: "Nothing was recorded for",
  one: "One speaker was not recorded for",
  page: "this page was closed, reloaded or crashed",
  device: "the microphone was lost",
  device_0: "the clinician's microphone was lost; the patient's was heard",
  device_1: "the patient's microphone was lost; the clinician's was heard",
  stalled: "no sound reached this page (asleep, frozen, or a microphone that stopped)",
  network: "the server was out of reach for longer than this page can keep sound",
  unsent: "the connection was lost, and the last sound never reached the server",
};

const duration = (seconds) => {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} ${whole === 1 ? "second" : "seconds"}`;
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
};

/** @typedef {{at: number, seconds: number, reason: string}} Gap `at` in seconds of the session's audio */

/** @param {Gap} gap @returns {string} */
export function gapText({ seconds, reason }) {
  const what = reason.startsWith("device_") ? TEXT.one : TEXT.all;
  return `${what} ${duration(seconds)}: ${TEXT[reason]}.`;
}
