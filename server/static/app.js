// The page: its phases, and the wiring between the form, the consultation and what is shown.
// Phases: setup -> starting -> listening <-> paused -> finishing -> ended -> setup.

import { Consultation, NOTHING } from "./consultation.js";
import { Devices } from "./devices.js";
import { byId } from "./dom.js";
import { captureFault } from "./faults.js";
import { FindingsView } from "./findings.js";
import { listenToKeys } from "./keyboard.js";
import { Level } from "./level.js";
import { Microphone } from "./microphone.js";
import { NoticesView } from "./notices.js";
import { FilePlayer } from "./player.js";
import { asText, save, saveNote } from "./record.js";
import { Recovery } from "./recovery.js";
import { SetupForm } from "./setup.js";
import { SignIn } from "./signin.js";
import { SoundWatch } from "./soundwatch.js";
import { TranscriptView } from "./transcript.js";
import { Visits } from "./visits.js";
import { clock, closeFault, count, FILE_FAULT, serverFault, STOPPED } from "./words.js";

const LATE_MS = 5000;
// A request whose answer was lost with the connection is sent again: that it was done already is no fault.
const REPEATED = new Set(["already_paused", "not_paused", "session_stopping"]);
const PHASES = {
  starting: "Starting …",
  listening: "Listening",
  paused: "Paused",
  finishing: "Finishing …",
  ended: "Finished",
};
const UNKEPT =
  "This browser keeps nothing of this visit (a private window, or no room on its disk): if this page is closed or reloaded, what the server has not received yet is lost.";
const LOST =
  "The microphone was unplugged or taken by another program. What was said so far is safe. Press Continue to try it again.";

let phase = "setup";
let source = null;
let consultation = null;
let watch = null; // of a microphone
let takenUp = null; // how a visit of an earlier page goes on: {listen, paused, ending}
let fault = null; // the server's own words about why it closes
let saved = true;
let withdrawn = false;
let screenLock = null;

const setup = new SetupForm(start);
const transcript = new TranscriptView();
const findings = new FindingsView({
  onSelect: (finding, show) => transcript.highlight(finding?.evidence ?? [], show),
  onJudge: (type, id) => {
    const told = consultation.judge(type, id);
    if (!told) warn("Not connected just now. Try again when the connection is back.");
    return told;
  },
});
const notices = new NoticesView();
const visits = new Visits();
const recovery = new Recovery(visits, { goOn: takeUp, tell: warn });
const devices = new Devices((refused) => warn(captureFault(refused)));
const signIn = new SignIn({
  onIn: () => {
    if (phase === "sign-in") setPhase("setup");
    if (phase === "setup") recovery.look(signIn.name);
  },
  onOut: () => phase === "setup" && setPhase("sign-in"),
});
const level = new Level();

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
  byId("withdraw").hidden = byId("pause").hidden;
  byId("pause").disabled = false;
  byId("pause").textContent = next === "paused" ? "Continue" : "Pause";
  byId("stop").hidden = ["starting", "ended"].includes(next);
  byId("stop").textContent = next === "finishing" ? "Finish without waiting" : "Stop";
  if (next === "listening") watch?.start(consultation.heard_s);
  else {
    watch?.stop();
    level.clear();
  }
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
  else source = listenWith(devices.choice);
  let format;
  try {
    format = await source.open();
  } catch (refused) {
    return cancel(file ? FILE_FAULT : captureFault(refused));
  }
  takenUp = null;
  consult(format, { patient, wording: setup.wording, user: signIn.name, choice: file ? null : source.opened });
}

function consult(format, began, kept) {
  const devices = source.choice?.devices.length; // of microphones alone
  watch = devices ? new SoundWatch(format, devices, notices, (gap) => consultation.gap(gap)) : null;
  const listener = { onEvent, onState, onSamples, onGap: (gap) => transcript.gap(gap), onUnkept };
  consultation = new Consultation(source, format, began, listener, visits, kept);
}

const listenWith = (choice) =>
  new Microphone(choice, {
    onLost: microphoneLost,
    onMuted: (device, muted) => phase === "listening" && watch?.muted(device, muted),
  });

const onUnkept = () => notices.apply({ code: "unkept", message: UNKEPT });

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
    await cancel(captureFault(refused));
    return false;
  }
  takenUp = { listen, paused: visit.paused, ending: visit.ending };
  withdrawn = visit.ending === "withdraw";
  const { patient } = visit.record;
  consult({ sampleRate, channels, mode: channels === 2 ? "dual" : "ambient" }, { patient, wording: "" }, kept);
  return true;
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
  const listening = !takenUp || (takenUp.listen && !takenUp.paused);
  consultation.begin(session, listening);
  byId("elapsed").textContent = clock(consultation.heard_s);
  if (takenUp && !takenUp.listen) {
    setPhase("finishing");
    if (!takenUp.ending) consultation.stop();
    return;
  }
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
  watch?.stop();
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
    warn(captureFault(refused));
  }
}

async function stop() {
  if (phase === "finishing") return consultation.abandon();
  if (phase !== "listening" && phase !== "paused") return;
  setPhase("finishing");
  await consultation.stop();
}

/** The patient takes the consent back: nothing of the consultation stays, here or on the server. */
async function withdraw() {
  if (phase !== "listening" && phase !== "paused") return;
  if (!confirm("Erase this consultation, here and on the server? Nothing of it can be brought back.")) return;
  withdrawn = true;
  setPhase("finishing");
  await consultation.withdraw();
}

/** @param {boolean} told whether the server said that it has erased the consultation */
async function forget(told) {
  withdrawn = false;
  const erased = consultation.over(); // not awaited here: the end of the connection follows at once, and is no fault
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
  await erased;
}

/** @param {number} device -1: the system took them all */
async function microphoneLost(device) {
  if (phase !== "listening") return;
  if (watch.lost(device, consultation.heard_s)) return;
  warn(LOST);
  await pause();
}

function onEvent(event) {
  if (event.type === "session_started") begin(event);
  else if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "notice") notices.apply(event);
  else if (event.type === "extraction") findings.apply(event.ops);
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
  if (event.fatal) fault = serverFault(event);
  else warn(serverFault(event));
  findings.unlock();
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
    consultation.over(code === 4401);
    if (code === 4401) signIn.look();
  } else if (withdrawn) {
    forget(code === 4404);
  } else if (phase !== "ended" && phase !== "setup") {
    if (code !== 0) warn(fault ?? closeFault(code));
    const { unsent_s, heard_s } = consultation;
    if (unsent_s > 1) consultation.gap({ at: heard_s - unsent_s, seconds: unsent_s, reason: "unsent" });
    finish("Consultation cut short.", null, code === 4401);
    fault = null;
  }
}

async function finish(title, stopped, resumable = false) {
  setPhase("ended");
  showConnection("idle", "Not connected");
  byId("lag").textContent = "";
  notices.clear();
  transcript.dropPartials();
  findings.freeze();
  const audio_s = stopped?.audio_s ?? consultation.heard_s;
  consultation.record.summary = { reason: stopped?.reason ?? "connection_lost", audio_s };
  byId("summary-title").textContent = title;
  byId("summary-text").textContent =
    `${clock(audio_s)} of sound, ${count(stopped?.segments ?? transcript.segments.length, "segment")}, ` +
    `${count(stopped?.findings ?? findings.findings.length, "finding")}.`;
  byId("saved").textContent = "Not saved yet: closing this page forgets it.";
  byId("summary").focus();
  await leave();
  await consultation.over(resumable);
}

/** Lets go of the microphone and of the screen. */
async function leave() {
  screenLock?.release();
  screenLock = null;
  await source.close();
}

const wholeRecord = () => ({ ...consultation.record, segments: transcript.segments, findings: findings.findings });

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
  warn("");
  byId("elapsed").textContent = clock(0);
  setPhase("setup");
  setup.reset();
  devices.keep();
  recovery.look(signIn.name);
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
addEventListener("pagehide", () => consultation?.keep());
addEventListener("beforeunload", (event) => !saved && event.preventDefault());
listenToKeys();
document.body.dataset.started = "true";
signIn.look();
