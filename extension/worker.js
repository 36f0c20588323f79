// The service worker: opens the side panel, makes the offscreen document, and shows on the icon what happens there.
// Chrome stops it whenever it likes, so it keeps nothing: what it has to know it asks the offscreen document.

import { badgeOf } from "./badge.js";
import { load } from "./settings/settings.js";
import { speak, WORDS } from "./words.js";

const OFFSCREEN = "offscreen/offscreen.html";

let making = null;

// With openPanelOnActionClick Chrome would open the panel itself, and grant activeTab to nobody.
chrome.sidePanel.setPanelBehavior({ openPanelOnActionClick: false });
chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" }); // the key is no business of scripts in pages

chrome.action.onClicked.addListener((tab) => {
  chrome.sidePanel.open({ windowId: tab.windowId }).catch(() => {}); // before any await, while Chrome still takes it for a click
  chrome.runtime.sendMessage({ to: "panel", do: "invited", tabId: tab.id }).catch(() => {}); // no panel listens yet
});

chrome.runtime.onInstalled.addListener(async ({ reason }) => {
  if (reason !== "install") return;
  const { addresses } = await load().catch(() => ({ addresses: [] }));
  if (!addresses.length) chrome.runtime.openOptionsPage();
});

chrome.runtime.onMessage.addListener((message, sender, answer) => {
  if (message.to !== "worker" || sender.id !== chrome.runtime.id) return false;
  if (message.language) speak(message.language);
  const work = { start, close, badge: async ({ sign }) => showBadge(sign) }[message.do];
  work(message).then(answer, () => answer({ fault: WORDS.internal }));
  return true; // the answer comes later
});

/** A consultation that runs goes on with the key that was saved: the offscreen document cannot read the settings itself. */
chrome.storage.onChanged.addListener(async () => {
  if (!(await present())) return;
  const settings = await load().catch(() => null); // the settings page says what is wrong with them
  if (settings) chrome.runtime.sendMessage({ to: "offscreen", do: "settings", settings }).catch(() => {});
});

/** @returns {Promise<{fault?: string, page?: string}>} what kept the consultation from starting, if anything did */
async function start({ mode, tabId, wording }) {
  let settings;
  try {
    settings = await load();
  } catch (fault) {
    return { fault: fault.message, page: "options" };
  }
  if (!settings.addresses.length) return { fault: WORDS.noAddress, page: "options" };
  let streamId = null;
  if (mode === "dual") {
    try {
      streamId = await chrome.tabCapture.getMediaStreamId({ targetTabId: tabId });
    } catch (fault) {
      return { fault: /active stream/.test(fault.message) ? WORDS.tabCaptured : WORDS.tabNotGranted };
    }
  }
  await offscreen();
  return chrome.runtime.sendMessage({ to: "offscreen", do: "start", mode, wording, streamId, settings });
}

async function close() {
  if (await present()) await chrome.offscreen.closeDocument();
  showBadge("closed");
  return {};
}

const present = async () => (await chrome.runtime.getContexts({ contextTypes: ["OFFSCREEN_DOCUMENT"] })).length > 0;

/** One offscreen document per profile is allowed: two panels that start at once share it. */
async function offscreen() {
  if (await present()) return;
  making ??= chrome.offscreen
    .createDocument({ url: OFFSCREEN, reasons: ["USER_MEDIA"], justification: WORDS.justification })
    .finally(() => {
      making = null;
    });
  await making;
}

/** @param {string} sign as badge.js names it */
function showBadge(sign) {
  const { text, color } = badgeOf(sign);
  chrome.action.setBadgeText({ text });
  chrome.action.setBadgeBackgroundColor({ color });
  chrome.action.setTitle({ title: WORDS.title(sign) });
}

/** After a stop of the worker, or of the browser, the icon shows what is the case now. */
async function wake() {
  const told = (await present()) ? await chrome.runtime.sendMessage({ to: "offscreen", do: "state" }).catch(() => null) : null;
  if (told?.language) speak(told.language);
  showBadge(told?.sign ?? "closed");
}

wake();
