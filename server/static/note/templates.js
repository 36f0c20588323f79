// What the server writes from the same findings: records, and notes in the forms of its templates.

const TEXT = "text";

/** @param {string} [base] address beside which the server's paths are @returns {Promise<{name: string, title: string}[]>} */
export async function templates(base = document.baseURI) {
  try {
    const answer = await fetch(new URL("v1/templates", base), { cache: "no-store" });
    if (!answer.ok) return [];
    return (await answer.json()).templates.filter(({ kind }) => kind === TEXT);
  } catch {
    return []; // an older server, or none just now: the page writes the SOAP note by itself
  }
}

/**
 * @param {string} session_id @param {string} template @param {string} [base]
 * @returns {Promise<{lines: {text: string, findings: string[], heading: boolean}[], findings: object[]}>} the lines of
 *   the note and the findings that they say. Throws the server's error {code, message, retry_after_s} (0: not told), or
 *   TypeError where it does not answer.
 */
export async function written(session_id, template, base) {
  const answer = await recordOf(session_id, { format: "lines", template }, base);
  return answer.json();
}

/**
 * @param {string} session_id @param {{format: string, template?: string}} form @param {string} [base]
 * @returns {Promise<Response>} Throws as `written` does.
 */
export async function recordOf(session_id, form, base = document.baseURI) {
  const url = new URL(`v1/sessions/${session_id}/record`, base); // a proxy may serve the server under a path of its own
  url.search = new URLSearchParams(form);
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw { ...(await answer.json()), retry_after_s: Number(answer.headers.get("Retry-After")) };
  return answer;
}
