// The page: its phases, and the wiring between the form, the consultation and what is shown.
// Phases: setup -> starting -> listening <-> paused -> checking -> finishing -> ended -> setup.

import { Consultation } from "./consultation.js";
import { byId } from "./dom.js";
import { FindingsView } from "./findings.js";
import { Level } from "./level.js";
import { Microphone } from "./microphone.js";
import { NoticesView } from "./notices.js";
import { OmissionsView } from "./omissions.js";
import { FilePlayer } from "./player.js";
import { asText, save, saveNote } from "./record.js";
import { SecondScreen } from "./second.js";
import { SetupForm } from "./setup.js";
import { SignIn } from "./signin.js";
import { TranscriptView } from "./transcript.js";
import { clock, closeFault, count, FILE_FAULT, microphoneFault, serverFault, STOPPED } from "./words.js";

const LATE_MS = 5000;
const CHECK_MS = 20_000; // for the server to say what was said and not noted: then the consultation ends without it
// A request whose answer was lost with the connection is sent again: that it was done already is no fault.
const REPEATED = new Set(["already_paused", "not_paused", "session_stopping"]);
const PHASES = {
  starting: "Starting …",
  listening: "Listening",
  paused: "Paused",
  checking: "Checking the note …",
  finishing: "Finishing …",
  ended: "Finished",
};

let phase = "setup";
let source = null;
let consultation = null;
let fault = null; // the server's own words about why it closes
let saved = true;
let withdrawn = false;
let screenLock = null;
let checkTimer = 0;

const setup = new SetupForm(start);
const transcript = new TranscriptView();
const findings = new FindingsView({
  onSelect: (finding, show) => transcript.highlight(finding?.evidence ?? [], show),
  onJudge: (type, id) => {
    return told(consultation.judge(type, id));
  },
});
const notices = new NoticesView();
const told = (done) => {
  if (!done) warn("Not connected just now. Try again when the connection is back.");
  return done;
};
const omissions = new OmissionsView({
  onSelect: (evidence, show) => transcript.highlight(evidence, show),
  onAdd: (item) => told(consultation.add(item)),
  onLeave: (id) => told(consultation.leaveOut(id)),
});
const secondScreen = new SecondScreen();
const signIn = new SignIn({
  onIn: () => phase === "sign-in" && setPhase("setup"),
  onOut: () => phase === "setup" && setPhase("sign-in"),
});
const level = new Level(() => phase === "listening" && source instanceof Microphone);

function setPhase(next) {
  phase = next;
  document.body.dataset.phase = next;
  byId("setup").hidden = next !== "setup";
  byId("sign-in").hidden = next !== "sign-in";
  byId("session").hidden = next === "setup" || next === "sign-in";
  byId("sign-out").disabled = !["setup", "sign-in"].includes(next);
  byId("summary").hidden = next !== "ended";
  byId("phase").textContent = PHASES[next] ?? "";
  byId("pause").hidden = !["listening", "paused"].includes(next);
  byId("withdraw").hidden = !["listening", "paused", "checking"].includes(next);
  byId("pause").disabled = false;
  byId("pause").textContent = next === "paused" ? "Continue" : "Pause";
  byId("stop").hidden = ["starting", "ended"].includes(next);
  byId("stop").textContent = { checking: "Finish", finishing: "Finish without waiting" }[next] ?? "Stop";
  if (next !== "listening") level.clear();
}

function warn(text) {
  byId("alert-text").textContent = text;
  byId("alert").hidden = !text;
}

function showConnection(state, text) {
  byId("connection").dataset.state = state;
  byId("connection").textContent = text;
}

async function start() {
  if (phase !== "setup") return;
  const { file, patient } = setup;
  warn("");
  setPhase("starting");
  if (file) source = new FilePlayer(file, setup.playing, { onEnd: stop, pending_s: () => consultation.pending_s });
  else source = new Microphone({ onLost: microphoneLost });
  let format;
  try {
    format = await source.open();
  } catch (refused) {
    return cancel(file ? FILE_FAULT : microphoneFault(refused));
  }
  consultation = new Consultation(source, format, patient, setup.wording, { onEvent, onState, onSamples });
}

/** Back to the form: nothing was recorded. */
async function cancel(text) {
  await source.close();
  setPhase("setup");
  showConnection("idle", "Not connected");
  warn(text);
}

function begin(session) {
  saved = false;
  secondScreen.offer(session.session_id);
  setPhase("listening");
  byId("stop").focus();
  keepAwake();
  consultation.begin(session);
}

function onSamples(samples, rate) {
  level.show(samples, rate);
  byId("elapsed").textContent = clock(consultation.heard_s);
}

async function pause() {
  notices.clear();
  byId("pause").disabled = true;
  await consultation.pause();
  if (phase === "listening") setPhase("paused"); // it may have been stopped meanwhile
}

async function goOn() {
  byId("pause").disabled = true;
  try {
    await consultation.resume();
    warn("");
    if (phase === "paused") setPhase("listening");
  } catch (refused) {
    byId("pause").disabled = false;
    warn(microphoneFault(refused));
  }
}

async function stop() {
  if (phase === "finishing") return consultation.abandon();
  if (phase === "checking") return end();
  if (phase !== "listening" && phase !== "paused") return;
  setPhase("checking");
  notices.clear();
  checkTimer = setTimeout(end, CHECK_MS);
  await consultation.review();
}

/** What was said and not noted is there: the consultation ends, or waits for the clinician to look at it. */
function checked(event) {
  omissions.apply(event);
  if (phase !== "checking" || !checkTimer) return;
  clearTimeout(checkTimer);
  checkTimer = 0;
  if (!event.items.length) return end();
  byId("phase").textContent = "Check the note, then finish";
  omissions.focus();
}

async function end() {
  clearTimeout(checkTimer);
  checkTimer = 0;
  if (phase !== "checking") return;
  setPhase("finishing");
  await consultation.stop();
}

/** The patient takes the consent back: nothing of the consultation stays, here or on the server. */
async function withdraw() {
  if (!["listening", "paused", "checking"].includes(phase)) return;
  if (!confirm("Erase this consultation, here and on the server? Nothing of it can be brought back.")) return;
  withdrawn = true;
  setPhase("finishing");
  await consultation.withdraw();
}

/** @param {boolean} told whether the server said that it has erased the consultation */
async function forget(told) {
  withdrawn = false;
  showConnection("idle", "Not connected");
  byId("lag").textContent = "";
  notices.clear();
  again();
  warn(
    told
      ? "The patient withdrew consent. The consultation was erased, here and on the server."
      : "The consultation was erased here. The server did not confirm that it erased it too: tell its operator.",
  );
  await leave();
}

async function microphoneLost() {
  if (phase !== "listening") return;
  warn("The microphone was unplugged or taken by another program. What was said so far is safe. Press Continue to try it again.");
  await pause();
}

function onEvent(event) {
  if (event.type === "session_started") begin(event);
  else if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "notice") notices.apply(event);
  else if (event.type === "extraction") {
    findings.apply(event.ops);
    omissions.added(event.ops);
  } else if (event.type === "omissions") checked(event);
  else if (event.type === "progress") showLag(event.lag_ms);
  else if (event.type === "error") onFault(event);
  else if (event.type === "session_stopped" && event.reason === "withdrawn") forget(true);
  else if (event.type === "session_stopped") finish(STOPPED[event.reason] ?? STOPPED.client, event);
}

function showLag(lag_ms) {
  byId("lag").textContent = `${(lag_ms / 1000).toFixed(1)} s behind`;
  byId("lag").dataset.late = String(lag_ms > LATE_MS);
}

function onFault(event) {
  if (REPEATED.has(event.code)) return;
  if (event.code === "unknown_type" && phase === "checking") return end(); // an older server, which compares nothing
  if (event.fatal) fault = serverFault(event);
  else warn(serverFault(event));
  findings.unlock();
  omissions.unlock();
}

function onState(state, { code }) {
  if (state === "connecting") showConnection("waiting", "Connecting …");
  else if (state === "open") {
    fault = null;
    showConnection("open", "Connected");
  } else if (state === "reconnecting") {
    showConnection("waiting", "Reconnecting … sound is kept");
    byId("lag").textContent = "";
  } else if (phase === "starting") {
    cancel(code === 4401 ? closeFault(code) : (fault ?? closeFault(code)));
    fault = null;
    if (code === 4401) signIn.look();
  } else if (withdrawn) {
    forget(code === 4404);
  } else if (phase !== "ended" && phase !== "setup") {
    if (code !== 0) warn(fault ?? closeFault(code));
    finish("Consultation cut short.", null);
    fault = null;
  }
}

async function finish(title, stopped) {
  setPhase("ended");
  showConnection("idle", "Not connected");
  byId("lag").textContent = "";
  notices.clear();
  transcript.dropPartials();
  findings.freeze();
  omissions.freeze();
  secondScreen.offer(null);
  const audio_s = stopped?.audio_s ?? consultation.heard_s;
  consultation.record.summary = { reason: stopped?.reason ?? "connection_lost", audio_s };
  byId("summary-title").textContent = title;
  byId("summary-text").textContent =
    `${clock(audio_s)} of sound, ${count(stopped?.segments ?? transcript.segments.length, "segment")}, ` +
    `${count(stopped?.findings ?? findings.findings.length, "finding")}.`;
  byId("saved").textContent = "Not saved yet: closing this page forgets it.";
  byId("summary").focus();
  await leave();
}

/** Lets go of the microphone and of the screen. */
async function leave() {
  screenLock?.release();
  screenLock = null;
  await source.close();
}

const wholeRecord = () => ({
  ...consultation.record,
  segments: transcript.segments,
  findings: findings.findings,
  omissions: omissions.items,
});

function keep(text) {
  saved = true;
  byId("saved").textContent = text;
}

async function note(format, ending) {
  const fault = await saveNote(consultation.record, format, ending);
  if (fault) byId("saved").textContent = fault;
  else keep("Saved to your downloads.");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asText(wholeRecord()));
    keep("Copied.");
  } catch {
    byId("saved").textContent = "The browser does not allow copying here. Use Save.";
  }
}

function again() {
  if (!saved && phase === "ended" && !confirm("This consultation is not saved. Forget it?")) return;
  saved = true;
  transcript.clear();
  findings.clear();
  omissions.clear();
  secondScreen.offer(null);
  warn("");
  byId("elapsed").textContent = clock(0);
  setPhase("setup");
  setup.reset();
}

/** A tablet that goes to sleep stops listening. */
async function keepAwake() {
  try {
    screenLock = await navigator.wakeLock?.request("screen");
  } catch {
    screenLock = null; // refused on a low battery: nothing to be done
  }
}

byId("pause").addEventListener("click", () => (phase === "paused" ? goOn() : pause()));
byId("stop").addEventListener("click", stop);
byId("withdraw").addEventListener("click", withdraw);
byId("save").addEventListener("click", () => {
  save(wholeRecord());
  keep("Saved to your downloads.");
});
byId("pdf").addEventListener("click", () => note("pdf", ".pdf"));
byId("fhir").addEventListener("click", () => note("fhir", ".fhir.json"));
byId("copy").addEventListener("click", copy);
byId("again").addEventListener("click", again);
byId("alert-close").addEventListener("click", () => warn(""));
addEventListener("keydown", ({ key }) => key === "Escape" && findings.deselect());
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && phase === "listening") keepAwake();
});
addEventListener("beforeunload", (event) => !saved && event.preventDefault());
signIn.look();
