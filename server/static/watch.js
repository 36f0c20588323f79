// The second screen: shows a consultation that another device hears, and changes nothing in it.
// The session's id stands behind the # of the address, which a browser sends to no server and no proxy.

import { byId } from "./dom.js";
import { FindingsView } from "./findings.js";
import { NoticesView } from "./notices.js";
import { OmissionsView } from "./omissions.js";
import { SignIn } from "./signin.js";
import { TranscriptView } from "./transcript.js";
import { Watching } from "./watching.js";
import { serverFault } from "./words.js";

const WORDS = {
  connecting: "Connecting …",
  open: "Watching",
  paused: "Paused",
  reconnecting: "Reconnecting …",
  ended: "Finished",
  refused: "Not connected",
  words: "Words appear here as they are spoken.",
  findings: "Findings appear here, each with the words that prove it. Press one to see them in the transcript.",
  noSession: "This address names no consultation. Open the second screen from the page that listens.",
  withdrawn: "The patient withdrew consent. The consultation was erased.",
  gone: "This consultation is not here: it ended too long ago, was erased, or belongs to somebody else.",
};

const transcript = new TranscriptView();
const findings = new FindingsView({ onSelect: (finding, show) => transcript.highlight(finding?.evidence ?? [], show) });
const notices = new NoticesView();
const omissions = new OmissionsView({ onSelect: (evidence, show) => transcript.highlight(evidence, show) });
const signIn = new SignIn({ onIn: watch, onOut: signOut });
let watching = null;

function warn(text) {
  byId("alert-text").textContent = text;
  byId("alert").hidden = !text;
}

function show(state, text = WORDS[state]) {
  byId("connection").dataset.state = { open: "open", connecting: "waiting", reconnecting: "waiting" }[state] ?? "idle";
  byId("connection").textContent = text;
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
    return warn(WORDS.noSession);
  }
  byId("session").hidden = false;
  warn("");
  watching = new Watching(sessionId, { onEvent, onState });
}

function onEvent(event) {
  if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "extraction") findings.apply(event.ops);
  else if (event.type === "notice") notices.apply(event);
  else if (event.type === "omissions") omissions.apply(event);
  else if (event.type === "session_paused") show("open", WORDS.paused);
  else if (event.type === "session_continued") show("open");
  else if (event.type === "session_stopped") stopped(event);
}

function stopped({ reason }) {
  notices.clear();
  transcript.dropPartials();
  if (reason !== "withdrawn") return;
  forget();
  warn(WORDS.withdrawn);
}

function onState(state, { status, message }) {
  show(state);
  if (state === "open") warn("");
  if (state !== "refused") return;
  if (status === 401) {
    watching = null;
    signIn.look();
  } else {
    if (status === 404) forget(); // erased, it may be
    warn(status === 404 ? WORDS.gone : serverFault({ message }));
  }
}

byId("transcript-empty").textContent = WORDS.words;
byId("findings-empty").textContent = WORDS.findings;
addEventListener("keydown", ({ key }) => key === "Escape" && findings.deselect());
addEventListener("hashchange", () => {
  watching?.close();
  watching = null;
  forget();
  watch();
});
signIn.look();
