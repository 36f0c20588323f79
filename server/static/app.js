// The page: its phases, and the wiring between the form, the consultation and what is shown.
// Phases: setup -> starting -> listening <-> paused -> checking -> finishing -> ended -> setup.

import "./document/running.js";
import { copyText } from "./document/clipboard.js";
import { Consultation, NOTHING } from "./visit/consultation.js";
import { Devices } from "./sound/devices.js";
import { byId, put, tell, translate } from "./document/dom.js";
import { FindingsView } from "./findings/findings.js";
import { listenToKeys } from "./document/keyboard.js";
import { say } from "./words/language.js";
import { offerLanguages } from "./words/languages.js";
import { Level } from "./sound/level.js";
import { Microphone } from "./sound/microphone.js";
import { networkBlocked } from "./visit/network.js";
import { NoteView } from "./note/note.js";
import { NoticesView } from "./transcript/notices.js";
import { OmissionsView } from "./findings/omissions.js";
import { FilePlayer } from "./sound/player.js";
import { asText, save, saveNote } from "./note/record.js";
import { Recovery } from "./visit/recovery.js";
import { Refusal } from "./visit/refusal.js";
import { SecondScreen } from "./visit/second.js";
import { SetupForm } from "./visit/setup.js";
import { SignIn } from "./visit/signin.js";
import { SoundWatch } from "./sound/soundwatch.js";
import { Speakers } from "./transcript/speakers.js";
import { TranscriptView } from "./transcript/transcript.js";
import { Visits } from "./visit/visits.js";
import { clock, closeFault, microphoneFault, serverFault, stopped } from "./words/words.js";

const LATE_MS = 5000;
const NO_ANSWER = 1006;
const CHECK_MS = 20_000; // for the server to say what was said and not noted: then the consultation ends without it
// A request whose answer was lost with the connection is sent again: that it was done already is no fault.
const REPEATED = new Set(["already_paused", "not_paused", "session_stopping"]);

let phase = "setup";
let source = null;
let consultation = null;
let watch = null; // of a microphone
let takenUp = null; // how a visit of an earlier page goes on: {listen, paused, ending}
let fault = null; // what the server said about why it closes
let saved = true;
let withdrawn = false;
let screenLock = null;
let checkTimer = 0;

const setup = new SetupForm(start);
const transcript = new TranscriptView((list) => new Speakers(list, relabelled));
const { speakers } = transcript;
const findings = new FindingsView({
  onSelect: (finding, show) => {
    note.deselect();
    transcript.highlight(finding?.evidence ?? [], show);
  },
  onJudge: (message) => {
    const request = consultation.judge(message);
    if (!request && message.type !== "edit_finding") warn("not_connected"); // the form of an edit says it itself
    return request;
  },
  onGone: () => warn("edit.gone"),
  onChange: showNote,
});
const note = new NoteView({
  onSelect: (evidence) => {
    findings.deselect();
    transcript.highlight(evidence, true);
  },
});
const notices = new NoticesView();
const told = (request) => {
  if (!request) warn("not_connected");
  return request;
};
const omissions = new OmissionsView({
  onSelect: (evidence, show) => {
    findings.deselect();
    note.deselect();
    transcript.highlight(evidence, show);
  },
  onAdd: (item) => told(consultation.add(item)),
  onLeave: (id) => told(consultation.leaveOut(id)),
});
const secondScreen = new SecondScreen();
const visits = new Visits();
const recovery = new Recovery(visits, { goOn: takeUp, tell: warn });
const devices = new Devices((refused) => warn(microphoneFault(refused)));
const signIn = new SignIn({
  onIn: () => {
    if (phase === "sign-in") setPhase("setup");
    if (phase === "setup") recovery.look(signIn.owner);
    else consultation?.retry();
  },
  onOut: () => phase === "setup" && setPhase("sign-in"),
});
const refusal = new Refusal(signIn);
const level = new Level();

function setPhase(next) {
  phase = next;
  document.body.dataset.phase = next;
  byId("setup").hidden = next !== "setup";
  byId("sign-in").hidden = next !== "sign-in" && !refusal.stands;
  byId("session").hidden = next === "setup" || next === "sign-in";
  byId("sign-out").disabled = !["setup", "sign-in"].includes(next);
  byId("summary").hidden = next !== "ended";
  put(byId("phase"), ["setup", "sign-in"].includes(next) ? "" : `phase.${next}`);
  byId("pause").hidden = !["listening", "paused"].includes(next);
  byId("withdraw").hidden = !["listening", "paused", "checking"].includes(next);
  byId("pause").disabled = false;
  put(byId("pause"), next === "paused" ? "session.continue" : "session.pause");
  byId("stop").hidden = ["starting", "ended"].includes(next);
  put(byId("stop"), { checking: "session.finish", finishing: "session.abandon" }[next] ?? "session.stop");
  if (next === "listening") watch?.start(consultation.heard_s);
  else {
    watch?.stop(consultation?.heard_s);
    level.clear();
  }
}

/** @param {string} key of what is said; "" takes the alert away @param {object} [values] of it */
function warn(key, values) {
  put(byId("alert-text"), key, values);
  byId("alert").hidden = !key;
}

/** @param {object} error of the server */
function warnOf(error) {
  tell(byId("alert-text"), serverFault(error));
  byId("alert").hidden = false;
}

/** @param {number} code of the close: a browser that blocks the network gives that of a server that is away */
async function warnClosed(code) {
  warn(code === NO_ANSWER && (await networkBlocked()) ? "closed.blocked" : closeFault(code));
}

/** @param {"idle"|"waiting"|"open"} state @param {string} name of its words */
function showConnection(state, name = state) {
  byId("connection").dataset.state = state;
  put(byId("connection"), `connection.${name}`);
}

async function start() {
  if (phase !== "setup") return;
  const { file, patient } = setup;
  warn("");
  setPhase("starting");
  if (file) source = new FilePlayer(file, setup.playing, { onEnd: stop, pending_s: () => consultation.pending_s });
  else source = listenWith(devices.choice);
  let format;
  try {
    format = await source.open();
  } catch (refused) {
    return cancel(() => warn(file ? "file.unreadable" : microphoneFault(refused)));
  }
  takenUp = null;
  consult(format, { patient, wording: setup.wording, user: signIn.owner, choice: file ? null : source.opened });
}

/** The note, whose lines name who spoke their words. */
function showNote() {
  note.show(findings.entries.map((entry) => ({ ...entry, finding: speakers.inEvidence(entry.finding) })));
}

/** A label of a speaker was corrected. */
function relabelled() {
  consultation.nameSpeakers(speakers.corrected);
  showNote();
  if (phase !== "ended") return;
  saved = false;
  put(byId("saved"), "summary.unsaved");
}

function consult(format, began, kept) {
  const microphones = source.choice?.devices.length; // a file has none
  watch = microphones ? new SoundWatch(format, microphones, notices, (gap) => consultation.gap(gap)) : null;
  const listener = { onEvent, onState, onSamples, onGap: (gap) => transcript.gap(gap), onUnkept };
  consultation = new Consultation(source, format, began, listener, visits, kept);
}

const listenWith = (choice) =>
  new Microphone(choice, {
    onLost: microphoneLost,
    onMuted: (device, muted) => phase === "listening" && watch?.muted(device, muted),
  });

const onUnkept = () => notices.apply({ code: "unkept" });

/** Goes on with the visit of an earlier page, or ends it. @returns {Promise<boolean>} whether that was possible */
async function takeUp(visit, listen) {
  if (phase !== "setup") return false;
  const { sample_rate: sampleRate, channels } = visit.record.audio;
  warn("");
  setPhase("starting");
  const kept = await visits.takeUp(visit, onUnkept).catch(() => null);
  source = listen && kept ? listenWith(visit.choice) : NOTHING;
  try {
    if (!kept) throw new DOMException("", "UnreadableError");
    if (listen) await source.open(sampleRate);
  } catch (refused) {
    await cancel(() => warn(microphoneFault(refused)));
    return false;
  }
  takenUp = { listen, paused: visit.paused, ending: visit.ending };
  withdrawn = visit.ending === "withdraw";
  const { patient } = visit.record;
  consult({ sampleRate, channels, mode: channels === 2 ? "dual" : "ambient" }, { patient, wording: "" }, kept);
  return true;
}

/** Back to the form: nothing was recorded. @param {() => void} explain says why */
async function cancel(explain) {
  await source.close();
  setPhase("setup");
  showConnection("idle");
  explain();
}

function begin(session) {
  saved = false;
  const listening = !takenUp || (takenUp.listen && !takenUp.paused);
  speakers.restore(consultation.record.speakers);
  consultation.begin(session, listening);
  note.begin(session.session_id);
  byId("elapsed").textContent = clock(consultation.heard_s);
  if (takenUp && !takenUp.listen) {
    setPhase("finishing");
    if (!takenUp.ending) consultation.stop();
    return;
  }
  secondScreen.offer(session.session_id);
  setPhase(listening ? "listening" : "paused");
  byId(listening ? "stop" : "pause").focus();
  keepAwake();
}

function onSamples(samples, rate, channels) {
  level.show(samples, rate, channels);
  watch?.hear(samples);
  byId("elapsed").textContent = clock(consultation.heard_s);
}

async function pause() {
  watch?.stop(consultation.heard_s);
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
    watch?.found(consultation.heard_s);
    if (phase === "paused") setPhase("listening");
  } catch (refused) {
    byId("pause").disabled = false;
    warn(microphoneFault(refused));
  }
}

async function stop() {
  if (phase === "finishing") return consultation.abandon();
  if (phase === "checking") return findings.editing ? warn("edit.open") : end();
  if (phase !== "listening" && phase !== "paused") return;
  if (findings.editing) return warn("edit.open"); // nothing can be changed after the end
  setPhase("checking");
  notices.clear();
  checkTimer = setTimeout(compared, CHECK_MS);
  await consultation.review();
}

/** What was said and not noted is there: the consultation ends, or waits for the clinician to look at it. */
function checked(event) {
  omissions.apply(event);
  if (phase === "checking" && checkTimer) compared();
}

function compared() {
  clearTimeout(checkTimer);
  checkTimer = 0;
  if (phase !== "checking") return;
  if (!omissions.items.length && !findings.editing) return end();
  put(byId("phase"), "phase.check");
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
  if (!confirm(say("withdraw.ask"))) return;
  withdrawn = true;
  setPhase("finishing");
  await consultation.withdraw();
}

/** @param {boolean} told whether the server said that it has erased the consultation */
async function forget(told) {
  withdrawn = false;
  const erased = consultation.over(); // not awaited here: the end of the connection follows at once, and is no fault
  showConnection("idle");
  put(byId("lag"), "");
  notices.clear();
  again();
  warn(told ? "withdraw.done" : "withdraw.untold");
  await leave();
  await erased;
}

/** @param {number} device -1: the system took them all */
async function microphoneLost(device) {
  if (phase !== "listening") return;
  if (watch.lost(device, consultation.heard_s)) return;
  warn("microphone.lost");
  await pause();
}

function onEvent(event) {
  if (event.type === "session_started") begin(event);
  else if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "notice") notices.apply(event);
  else if (event.type === "extraction") {
    findings.apply(event.ops, event.request);
    omissions.added(event.ops);
  } else if (event.type === "omissions") checked(event);
  else if (event.type === "progress") showLag(event.lag_ms);
  else if (event.type === "error") onFault(event);
  else if (event.type === "session_stopped" && event.reason === "withdrawn") forget(true);
  else if (event.type === "session_stopped") finish(stopped(event.reason), event);
}

function showLag(lag_ms) {
  put(byId("lag"), "session.behind", { seconds: Math.round(lag_ms / 100) / 10 });
  byId("lag").dataset.late = String(lag_ms > LATE_MS);
}

function onFault(event) {
  if (REPEATED.has(event.code)) return;
  if (event.code === "unknown_type" && phase === "checking") return compared(); // an older server, which compares nothing
  omissions.unlock();
  if (event.fatal) fault = event;
  else if (!findings.refused(event)) warnOf(event);
}

function onState(state, detail) {
  const { code } = detail;
  if (state === "connecting") showConnection("waiting", "connecting");
  else if (state === "open") {
    fault = null;
    refusal.end();
    showConnection("open");
  } else if (state === "reconnecting") {
    showConnection("waiting", "reconnecting");
    put(byId("lag"), "");
    refusal.suspect(consultation);
  } else if (state === "refused" && phase !== "starting") {
    fault = null;
    showConnection("waiting", "refused");
    put(byId("lag"), "");
    refusal.show(consultation, detail);
  } else if (state === "refused") consultation.abandon(code);
  else endOf(code);
}

/** The connection has ended for good. @param {number} code of its close; 0: the clinician did not wait */
function endOf(code) {
  refusal.end();
  if (phase === "starting") {
    const why = code === 4401 ? null : fault;
    cancel(() => (why ? warnOf(why) : warnClosed(code)));
    fault = null;
    consultation.over(code === 4401);
    if (code === 4401) signIn.look();
  } else if (withdrawn) {
    forget(code === 4404);
  } else if (phase !== "ended" && phase !== "setup") {
    if (fault && code !== 0) warnOf(fault);
    else if (code !== 0) warnClosed(code);
    consultation.cut();
    finish("stopped.cut");
    fault = null;
  }
}

async function finish(title, end) {
  setPhase("ended");
  showConnection("idle");
  put(byId("lag"), "");
  notices.clear();
  transcript.dropPartials();
  findings.freeze();
  omissions.freeze();
  secondScreen.offer(null);
  showNote();
  const audio_s = end?.audio_s ?? consultation.heard_s;
  consultation.record.summary = { reason: end?.reason ?? "connection_lost", audio_s };
  put(byId("summary-title"), title);
  put(byId("summary-text"), "summary.counts", {
    time: clock(audio_s),
    segments: end?.segments ?? transcript.segments.length,
    findings: end?.findings ?? findings.findings.length,
  });
  put(byId("saved"), "summary.unsaved");
  byId("summary").focus();
  await leave();
  await consultation.over();
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
  findings: findings.findings.map((finding) => speakers.inEvidence(finding)),
  omissions: omissions.items,
});

function keep(key) {
  saved = true;
  put(byId("saved"), key);
}

async function download(format, ending) {
  const fault = await saveNote(consultation.record, format, ending);
  if (fault) tell(byId("saved"), fault);
  else keep(Object.keys(speakers.corrected).length ? "summary.saved_as_heard" : "summary.saved");
}

async function copy() {
  if (await copyText(asText(wholeRecord()))) keep("text.copied");
  else put(byId("saved"), "copy.hint");
}

function again() {
  if (!saved && phase === "ended" && !confirm(say("summary.forget"))) return;
  saved = true;
  transcript.clear();
  speakers.restore();
  findings.clear();
  note.clear();
  omissions.clear();
  secondScreen.offer(null);
  warn("");
  byId("elapsed").textContent = clock(0);
  setPhase("setup");
  setup.reset();
  devices.keep();
  recovery.look(signIn.owner);
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
  keep("summary.saved");
});
byId("pdf").addEventListener("click", () => download("pdf", ".pdf"));
byId("fhir").addEventListener("click", () => download("fhir", ".fhir.json"));
byId("copy").addEventListener("click", copy);
byId("again").addEventListener("click", again);
byId("alert-close").addEventListener("click", () => warn(""));
addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  findings.deselect();
  note.deselect();
  transcript.highlight([], false);
});
addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && phase === "listening") keepAwake();
});
addEventListener("pagehide", () => consultation?.keep());
addEventListener("beforeunload", (event) => !saved && event.preventDefault());
listenToKeys();
offerLanguages(() => warn("unreached"));
translate();
document.body.dataset.started = "true";
signIn.look();
