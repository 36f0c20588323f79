// Puts text where the caret stands in the web record, and reads it back. It never saves, submits or deletes anything.

/**
 * Runs in every frame of the record (chrome.scripting), so that it can use nothing outside of itself.
 * The frame that has the caret is found from the top: each frame tells the one that has the focus inside of it.
 * @param {string} text @param {string} token of this call, which no page knows before
 * @returns {Promise<null|{depth: number, placed?: boolean, refused?: string, most?: number, inner?: string}>} null where
 *   the caret is not; `inner` is the address of the frame inside of this one that has the caret
 */
export async function place(text, token) {
  const TOLD_MS = 800;
  const SETTLE_MS = 200; // in which frameworks draw their fields anew
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const bare = (words) => words.replace(/[\s\u200b\ufeff]+/g, "");

  let depth = 0;
  for (let frame = window; frame !== window.top; frame = frame.parent) depth += 1;
  if (depth) {
    const told = await new Promise((resolve) => {
      const hear = ({ source, data }) => source === window.parent && data === token && resolve(true);
      addEventListener("message", hear);
      wait(TOLD_MS).then(() => {
        removeEventListener("message", hear);
        resolve(false);
      });
    });
    if (!told) return null;
  }

  let field = document.activeElement;
  const inside = (element) => globalThis.chrome?.dom?.openOrClosedShadowRoot?.(element) ?? element.shadowRoot;
  while (field && inside(field)?.activeElement) field = inside(field).activeElement;
  if (field?.localName === "iframe" || field?.localName === "frame") {
    const inner = field.src;
    for (let told_ms = 0; told_ms < TOLD_MS / 2; told_ms += 50) {
      field.contentWindow.postMessage(token, "*"); // again and again: its script may start later than this one
      await wait(50);
    }
    return { depth, inner };
  }
  if (document.designMode === "on") field = document.body;
  if (!field) return { depth, refused: "no_caret" };
  if (field.matches("input, textarea")) return { depth, ...(await intoInput()) };
  if (field.isContentEditable) return { depth, ...(await intoEditor()) };
  return { depth, refused: field === document.body ? "no_caret" : "kind" };

  async function intoInput() {
    const many = field.localName === "textarea";
    if (!many && !["text", "search"].includes(field.type)) return { refused: "kind" };
    if (field.readOnly || field.disabled || field.ariaReadOnly === "true") return { refused: "read_only" };
    const { value: before, selectionEnd: caret, maxLength } = field;
    const head = before.slice(0, caret);
    const words = many ? text : text.replace(/:\n/g, ": ").replace(/\s*\n\s*/g, "; ");
    const gap = !head || /\s$/.test(head) ? "" : many ? "\n" : " ";
    const put = gap + words + (before.length > caret && !/^\s/.test(before.slice(caret)) ? (many ? "\n" : " ") : "");
    const after = head + put + before.slice(caret);
    // A script may write more than a person could type, and the record would cut it off when it is saved.
    if (maxLength >= 0 && after.length > maxLength) return { refused: "too_long", most: maxLength };
    if (!typed(put)) return read(() => field.value, before, after);
    const prototype = many ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
    // A framework's own property on the element hides what a bare .value = writes: it would take the field as unchanged.
    Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, after);
    field.setSelectionRange(caret + put.length, caret + put.length);
    field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType: "insertText", data: put }));
    field.dispatchEvent(new Event("change", { bubbles: true })); // for pages that look when a field is left
    return read(() => field.value, before, after);
  }

  async function intoEditor() {
    let root = field;
    while (root.parentElement?.isContentEditable) root = root.parentElement;
    if (root.ariaReadOnly === "true") return { refused: "read_only" };
    const selection = root.getRootNode().getSelection?.() ?? getSelection();
    if (!selection.rangeCount || !root.contains(selection.focusNode)) return { refused: "no_caret" };
    selection.collapseToEnd(); // what is selected stays
    const caret = selection.getRangeAt(0);
    const ahead = document.createRange();
    ahead.selectNodeContents(root);
    ahead.setEnd(caret.endContainer, caret.endOffset);
    const head = bare(ahead.toString());
    const before = bare(root.textContent);
    const gap = head && !/\s$/.test(ahead.toString()) ? " " : "";
    // As if it was typed: the editor hears of it, and undo takes it back.
    if (typed(gap + text)) document.execCommand("insertText", false, gap + text);
    return read(() => bare(root.textContent), before, head + bare(text) + before.slice(head.length));
  }

  /** What a page hears before anything is typed. @returns {boolean} false: it forbids that, or puts the text in itself */
  function typed(data) {
    const options = { bubbles: true, cancelable: true, composed: true, inputType: "insertText", data };
    return field.dispatchEvent(new InputEvent("beforeinput", options)); // no script's own writing makes this event
  }

  async function read(content, before, wanted) {
    await wait(SETTLE_MS);
    if (!field.isConnected) return { refused: "replaced" };
    const now = content();
    if (now === wanted) return { placed: true };
    return { refused: now === before ? "kept" : "changed" };
  }
}

/**
 * @param {{result?: object|null}[]} results of every frame
 * @returns {{placed?: boolean, refused?: string, most?: number, origin?: string}} what became of it; "foreign": the frame
 *   with the caret is of another `origin`, which nobody has allowed yet
 */
export function verdict(results) {
  const told = results.map(({ result }) => result).filter(Boolean).sort((a, b) => b.depth - a.depth);
  const end = told.find(({ placed, refused }) => placed || refused);
  const deepest = told[0];
  if (end && (!deepest.inner || deepest.depth < end.depth)) return end;
  if (!deepest?.inner) return { refused: "no_caret" };
  const { origin } = new URL(deepest.inner, "about:blank");
  return origin === "null" ? { refused: "kind" } : { refused: "foreign", origin };
}

/** Puts a text into the record in a tab. @throws {Error} where Chrome does not let the extension into the tab */
export async function putInto(tabId, text) {
  const args = [text, `drtranscribe ${crypto.randomUUID()}`];
  return verdict(await chrome.scripting.executeScript({ target: { tabId, allFrames: true }, func: place, args }));
}
