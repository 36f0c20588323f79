// The side panel: starts and steers the consultation that the offscreen document holds, and shows what it is told. It may
// be closed and opened again at any time; nothing of the consultation is kept here.

import "../language.js";
import { byId, element, put, tell } from "../page/document/dom.js";
import { FindingsView } from "../page/findings/findings.js";
import { OmissionsView } from "../page/findings/omissions.js";
import { language, onLanguage, say } from "../page/words/language.js";
import { NoticesView } from "../page/transcript/notices.js";
import { TranscriptView } from "../page/transcript/transcript.js";
import { clock } from "../page/words/words.js";
import { WORDS } from "../words.js";
import { NoteView } from "./note_view.js";

const LATE_MS = 5000;

let port = null;
let judged = Math.floor(Math.random() * 2 ** 40); // the number of what this panel said last; other panels have others
let state = { phase: "setup", connection: "idle", troubles: {} };

const transcript = new TranscriptView();
const note = new NoteView();
const findings = new FindingsView({
  onSelect: (finding, show) => {
    if (finding && show) view("transcript");
    transcript.highlight(finding?.evidence ?? [], show);
  },
  onJudge: (judgement) => {
    if (state.connection !== "open") {
      if (judgement.type !== "edit_finding") warn(say("not_connected")); // the form of an edit says it itself
      return 0;
    }
    port?.postMessage({ do: "judge", number: ++judged, judgement });
    return judged;
  },
  onChange: () => note.show(findings.entries),
  onGone: () => warn(say("edit.gone")),
});
const notices = new NoticesView();
/** @returns {boolean} whether there is a connection to say it on */
const ask = (message) => {
  if (state.connection !== "open") warn(say("not_connected"));
  else port?.postMessage(message);
  return state.connection === "open";
};
const omissions = new OmissionsView(
  {
    onSelect: (evidence, show) => {
      findings.deselect();
      view("transcript");
      transcript.highlight(evidence, show);
    },
    onAdd: (item) => ask({ do: "add", item }),
    onLeave: (id) => ask({ do: "leave", id }),
  },
  document.querySelector(".views"),
);
const order = (name, more) => () => port?.postMessage({ do: name, ...more });

/** Joins the offscreen document, if there is one: it tells what was said until now. */
function join() {
  port?.disconnect();
  port = chrome.runtime.connect({ name: "panel" });
  port.onMessage.addListener(hear);
  port.onDisconnect.addListener(() => {
    void chrome.runtime.lastError; // there was no document to join: Chrome would complain of an error that nobody read
    port = null;
    if (state.phase !== "setup") reset();
  });
}

function hear(message) {
  if (message.kind === "reset") reset();
  else if (message.kind === "state") show(message.state);
  else if (message.kind === "level") showLevels(message);
  else if (message.kind === "ask") order("here")();
  else if (message.kind === "event") apply(message.event);
}

function apply(event) {
  if (event.type === "transcript") {
    transcript.apply(event.segment);
    notices.heard(event.segment);
  } else if (event.type === "notice") notices.apply(event);
  else if (event.type === "progress") showLag(event.lag_ms);
  else if (event.type === "gap") transcript.gap(event.gap);
  else if (event.type === "omissions") omissions.apply(event);
  else if (event.type === "error") {
    omissions.unlock();
    findings.refused(event);
  } else if (event.type === "extraction") {
    findings.apply(event.ops, event.request);
    omissions.added(event.ops);
  }
}

function reset() {
  transcript.clear();
  findings.clear();
  notices.clear();
  omissions.clear();
  show({ phase: "setup", connection: "idle", troubles: {} });
}

function show(next) {
  const { phase, connection, troubles, summary, checked } = next;
  const { phase: before, checked: knew } = state;
  state = next;
  const setup = ["setup", "failed", "erased"].includes(phase);
  document.body.dataset.phase = setup ? "setup" : phase;
  byId("setup").hidden = !setup;
  byId("session").hidden = setup;
  put(byId("phase"), setup ? "" : `phase.${phase === "checking" && checked ? "check" : phase}`);
  put(byId("connection"), `connection.${connection}`);
  byId("connection").dataset.state = { open: "open", idle: "idle" }[connection] ?? "waiting";
  byId("pause").hidden = !["listening", "paused"].includes(phase);
  byId("withdraw").hidden = !["listening", "paused", "checking"].includes(phase);
  put(byId("pause"), phase === "paused" ? "session.continue" : "session.pause");
  byId("stop").hidden = ["starting", "ended"].includes(phase);
  put(byId("stop"), { checking: "session.finish", finishing: "session.abandon" }[phase] ?? "session.stop");
  byId("groups").inert = phase === "checking" && !checked; // a change that is begun now would be cut off by the end
  byId("again").hidden = phase !== "ended";
  showTroubles(troubles);
  if (phase !== "listening") byId("lag").textContent = "";
  if (phase === "ended") tell(byId("phase"), WORDS.stopped[summary.reason] ?? say("phase.ended"));
  if (phase === "checking" && before !== phase) notices.clear();
  if (phase === "checking" && checked && !knew) omissions.focus();
  if (phase === "ended" && before !== "ended") end(summary);
  if (["setup", "erased"].includes(phase) && before !== phase) {
    byId("setup").reset(); // the next patient has to be asked again
    askConsent();
  }
}

function askConsent() {
  const missing = !byId("consent").checked;
  byId("start").disabled = missing;
  put(byId("start-hint"), missing ? "setup.missing.consent" : "");
}

function end({ audio_s }) {
  transcript.dropPartials();
  findings.freeze();
  omissions.freeze();
  notices.clear();
  byId("elapsed").textContent = clock(audio_s);
  view("note");
}

function showTroubles(troubles) {
  const rows = Object.entries(troubles).map(([name, text]) => {
    const row = element("li", { dataset: { trouble: name } }, element("p", { textContent: text }));
    const [label, act] = remedy(name);
    if (!act) return row;
    const button = element("button", { type: "button", textContent: label });
    button.addEventListener("click", act);
    row.append(button);
    return row;
  });
  const said = (list) => list.map((row) => row.textContent).join();
  if (said(rows) !== said([...byId("troubles").children])) byId("troubles").replaceChildren(...rows);
}

/** @returns {[string, () => void] | []} what a person can press about a trouble; what goes on cannot be put aside */
function remedy(name) {
  if (name === "key") return [WORDS.settings, () => chrome.runtime.openOptionsPage()];
  if (name === "microphone" && state.mode === "dual") return [WORDS.retryMicrophone, order("microphone")];
  return name === "server" ? [say("close"), order("close", { trouble: name })] : [];
}

function showLevels({ shares, heard_s }) {
  const names = shares.length === 2 ? [WORDS.you, say("speaker.patient")] : [WORDS.room];
  if (byId("levels").children.length !== shares.length) {
    const meter = (name) => element("div", { className: "level", role: "meter", ariaLabel: name, title: name }, element("span"));
    byId("levels").replaceChildren(...names.map(meter));
  }
  shares.forEach((share, channel) => {
    const meter = byId("levels").children[channel];
    meter.firstElementChild.style.setProperty("--share", share.toFixed(3));
    meter.ariaValueNow = String(Math.round(share * 100));
  });
  byId("elapsed").textContent = clock(heard_s);
}

function showLag(lag_ms) {
  byId("lag").textContent = `${(lag_ms / 1000).toFixed(1)} s`;
  byId("lag").dataset.late = String(lag_ms > LATE_MS);
}

function view(name) {
  for (const tab of document.querySelectorAll("[data-view]")) {
    const chosen = tab.dataset.view === name;
    tab.ariaSelected = String(chosen);
    tab.tabIndex = chosen ? 0 : -1;
    byId(`view-${tab.dataset.view}`).hidden = !chosen;
  }
}

/** The arrow keys, Home and End go from tab to tab. */
function turn(event) {
  const tabs = [...document.querySelectorAll("[data-view]")];
  const at = tabs.indexOf(document.activeElement);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  const tab = tabs.at(next % tabs.length);
  view(tab.dataset.view);
  tab.focus();
}

/** @param {string} text @param {{label: string, act: () => void}} [action] */
function warn(text, action) {
  byId("alert-text").textContent = text;
  byId("alert").hidden = !text;
  byId("alert-action").hidden = !action;
  byId("alert-action").textContent = action?.label ?? "";
  byId("alert-action").onclick = action?.act ?? null;
}

async function start() {
  warn("");
  const { state: allowed } = await navigator.permissions.query({ name: "microphone" }); // Chrome takes unused grants back
  if (allowed !== "granted") return openMicrophone(allowed === "denied" ? WORDS.microphoneDenied : WORDS.microphoneAsk);
  const [tab] = await chrome.tabs.query({ active: true, currentWindow: true });
  const mode = byId("setup").elements.mode.value;
  byId("start").disabled = true;
  const wording = byId("wording").textContent;
  const told = await chrome.runtime.sendMessage({ to: "worker", do: "start", mode, wording, tabId: tab?.id, language: language() });
  askConsent();
  if (told.page === "microphone") return openMicrophone(told.fault);
  if (told.page === "options") return warn(told.fault, { label: WORDS.settings, act: () => chrome.runtime.openOptionsPage() });
  if (told.fault) warn(told.fault);
  else view("transcript");
}

function openMicrophone(text) {
  chrome.tabs.create({ url: chrome.runtime.getURL("microphone/microphone.html") });
  warn(text);
}

async function again() {
  if (!confirm(WORDS.againSure)) return;
  await chrome.runtime.sendMessage({ to: "worker", do: "close" });
  reset();
}

chrome.runtime.onMessage.addListener((message) => {
  if (message.to !== "panel") return;
  if (message.do === "join") join();
  if (message.do === "invited") warn(""); // the icon was pressed: the alert that asked for it is out of date
});
byId("setup").addEventListener("input", askConsent);
byId("setup").addEventListener("submit", (submission) => {
  submission.preventDefault();
  start();
});
byId("pause").addEventListener("click", () => order(state.phase === "paused" ? "continue" : "pause")());
byId("stop").addEventListener("click", () => {
  if (state.phase !== "finishing" && findings.editing) return warn(say("edit.open")); // nothing can be changed after the end
  order("stop")();
});
byId("withdraw").addEventListener("click", () => confirm(say("withdraw.ask")) && order("withdraw")());
byId("again").addEventListener("click", again);
byId("alert-close").addEventListener("click", () => warn(""));
onLanguage(() => {
  byId("levels").replaceChildren(); // the next ones are named anew
  show(state);
  note.show(findings.entries);
});
byId("settings").addEventListener("click", () => chrome.runtime.openOptionsPage());
for (const tab of document.querySelectorAll("[data-view]")) tab.addEventListener("click", () => view(tab.dataset.view));
document.querySelector(".views").addEventListener("keydown", turn);
addEventListener("keydown", ({ key }) => key === "Escape" && findings.deselect());
view("transcript");
show(state);
join();
