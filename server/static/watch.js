// The second screen: shows a consultation that another device hears, and changes nothing in it.
// The session's id stands behind the # of the address, which a browser sends to no server and no proxy.

import { byId, put, tell, translate } from "./document/dom.js";
import { FindingsView } from "./findings/findings.js";
import { offerLanguages } from "./words/languages.js";
import { NoticesView } from "./transcript/notices.js";
import { OmissionsView } from "./findings/omissions.js";
import { SignIn } from "./visit/signin.js";
import { TranscriptView } from "./transcript/transcript.js";
import { Watching } from "./visit/watching.js";
import { serverFault } from "./words/words.js";

const STATES = {
  connecting: { light: "waiting", words: "connection.connecting" },
  open: { light: "open", words: "watch.open" },
  reconnecting: { light: "waiting", words: "watch.reconnecting" },
  ended: { light: "idle", words: "phase.ended" },
  refused: { light: "idle", words: "connection.idle" },
};

const transcript = new TranscriptView();
const findings = new FindingsView({ onSelect: (finding, show) => transcript.highlight(finding?.evidence ?? [], show) });
const notices = new NoticesView();
const omissions = new OmissionsView({ onSelect: (evidence, show) => transcript.highlight(evidence, show) });
const signIn = new SignIn({ onIn: watch, onOut: signOut });
let watching = null;

/** @param {string} key of what is said; "" takes the alert away */
function warn(key) {
  put(byId("alert-text"), key);
  byId("alert").hidden = !key;
}

function show(state, words = STATES[state].words) {
  byId("connection").dataset.state = STATES[state].light;
  put(byId("connection"), words);
}

function forget() {
  transcript.clear();
  findings.clear();
  notices.clear();
  omissions.clear();
}

/** Whoever signs out leaves nothing of the patient on the screen. */
function signOut() {
  watching?.close();
  watching = null;
  forget();
  show("refused");
  byId("session").hidden = true;
  byId("sign-in").hidden = false;
}

function watch() {
  if (watching) return;
  byId("sign-in").hidden = true;
  const sessionId = decodeURIComponent(location.hash.slice(1));
  if (!sessionId) {
    show("refused");
    return warn("watch.no_session");
  }
  byId("session").hidden = false;
  warn("");
  watching = new Watching(sessionId, { onEvent, onState });
}

function onEvent(event) {
  if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "extraction") findings.apply(event.ops, event.request);
  else if (event.type === "notice") notices.apply(event);
  else if (event.type === "omissions") omissions.apply(event);
  else if (event.type === "session_paused") show("open", "phase.paused");
  else if (event.type === "session_continued") show("open");
  else if (event.type === "session_stopped") stopped(event);
}

function stopped({ reason }) {
  notices.clear();
  transcript.dropPartials();
  if (reason !== "withdrawn") return;
  forget();
  warn("watch.withdrawn");
}

function onState(state, { status, ...fault }) {
  show(state);
  if (state === "open") warn("");
  if (state !== "refused") return;
  if (status === 401) {
    watching = null;
    signIn.look();
  } else {
    if (status === 404) forget(); // erased, it may be
    warn("watch.gone");
    if (status !== 404) tell(byId("alert-text"), serverFault(fault));
  }
}

addEventListener("keydown", ({ key }) => key === "Escape" && findings.deselect());
addEventListener("hashchange", () => {
  watching?.close();
  watching = null;
  forget();
  watch();
});
offerLanguages(() => warn("unreached"));
translate();
signIn.look();
