// What the icon shows of a consultation: whether it runs, and whether something is wrong with it. Pure.

const BADGES = {
  wrong: { text: "!", color: "#f9ab00" },
  listening: { text: "REC", color: "#b3261e" },
  paused: { text: "II", color: "#5f6368" },
  checking: { text: "…", color: "#5f6368" },
  finishing: { text: "…", color: "#5f6368" },
};
const NONE = { text: "", color: "#5f6368" };
const CONNECTED = new Set(["listening", "paused", "checking", "finishing"]); // the phases that need the server

/**
 * @param {{phase: string, connection: string, troubles: object}} state of a visit
 * @returns {string} the name of a badge and of the words on the icon. "wrong" while somebody has to look, and even after
 *   the end: REC would promise that everybody is heard and that the server has it.
 */
export function signOf({ phase, connection, troubles }) {
  const cut = CONNECTED.has(phase) && connection !== "open";
  const wrong = phase !== "erased" && Object.keys(troubles).length > 0; // an erased one says that it was erased
  return cut || wrong ? "wrong" : phase;
}

/** @param {string} sign @returns {{text: string, color: string}} */
export const badgeOf = (sign) => BADGES[sign] ?? NONE;
