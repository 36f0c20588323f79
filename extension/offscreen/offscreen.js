// The document that nobody sees: it owns the microphone, the tab's sound and the connection, as long as Chrome runs.
// Of Chrome's interfaces only chrome.runtime works here.

import { WORDS } from "../words.js";

const loaded = import("./visit.js"); // it waits for its words: the listeners below have to be there before
let visit = null;
const panels = new Set();

const tell = (message) => panels.forEach((panel) => panel.postMessage(message));

async function start(order) {
  const { Visit } = await loaded;
  if (visit?.running) return { fault: WORDS.alreadyRunning };
  visit = new Visit(order, tell);
  tell({ kind: "reset" });
  return visit.start();
}

chrome.runtime.onMessage.addListener((message, sender, answer) => {
  if (message.to !== "offscreen" || sender.id !== chrome.runtime.id) return false;
  if (message.do === "state") answer({ sign: visit?.sign ?? "closed", language: visit?.language });
  if (message.do === "settings") visit?.renew(message.settings);
  if (message.do !== "start") return false;
  start(message).then(answer, () => answer({ fault: WORDS.internal }));
  return true; // the answer comes later
});

chrome.runtime.onConnect.addListener((panel) => {
  if (panel.name !== "panel" || panel.sender.id !== chrome.runtime.id) return;
  panels.add(panel);
  panel.onDisconnect.addListener(() => panels.delete(panel));
  panel.onMessage.addListener((message) => visit?.take(message));
  visit?.recall().forEach((message) => panel.postMessage(message));
});

chrome.runtime.sendMessage({ to: "panel", do: "join" }).catch(() => {}); // panels that were open before this document
