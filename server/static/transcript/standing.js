// Which notices of the server still hold after a later event. Pure.

const ENDS = { store_caught_up: "store_behind" }; // a code that only says that another notice is over

/** @param {{code: string, speaker?: string | number}} notice @returns {string} of two with one key, the later one holds */
export const noticeKey = ({ code, speaker }) => `${code} ${speaker ?? ""}`;

/** @param {{code: string}} notice @returns {boolean} whether it holds until something ends it */
export const lasts = ({ code }) => !(code in ENDS);

/** @param {object} notice event @returns {string[]} keys of the notices that it ends */
export const endedByNotice = (notice) => [noticeKey(lasts(notice) ? notice : { code: ENDS[notice.code] })];

/**
 * Words take back that nobody is heard; a final, that the sound looks wrong.
 * @param {object} segment @returns {string[]} keys of the notices that it ends
 */
export function endedByWords({ text, final, speaker }) {
  if (!text) return [];
  const ended = [{ code: "no_speech" }, { code: "no_speech", speaker }, ...(final ? [{ code: "audio_suspect" }] : [])];
  return ended.map(noticeKey);
}
