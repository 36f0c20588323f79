// What the extension says in English, but for what the words of the page say too: those are in page/words/.

const seconds = (number) => `${number.toLocaleString("en")} second${number === 1 ? "" : "s"}`;

export default {
  // The side panel
  dual: "Video visit: my microphone, and the patient in the tab in front",
  ambient: "In the room: my microphone hears everybody",
  settings: "Settings",
  findingsEmpty: "Findings appear here, each with the words that prove it.",
  noteEmpty: "The note appears here as findings come.",
  noteHint: "Click into a field of the record, then press Put. Nothing is saved for you: read it, then save it yourself.",
  put: "Put",
  putAll: (title) => `Put ${title}`,
  you: "You",
  room: "Room",
  againSure: "Forget this consultation here? Its record stays on the server for as long as its operator keeps records.",
  title: (sign) =>
    ({
      listening: "drTranscribe: listening",
      paused: "drTranscribe: paused",
      checking: "drTranscribe: checking the note",
      wrong: "drTranscribe: something is wrong. Open the side panel to see what.",
    })[sign] ?? "drTranscribe",
  justification: "To hear the consultation through the microphone and the tab, and to send it to the clinic's own server.",

  // What goes wrong
  internal: "Something in the extension failed. Close this panel, open it again and try once more.",
  alreadyRunning: "A consultation is running already. Stop it before you start another one.",
  tabNotGranted:
    "Chrome does not let drTranscribe hear this tab yet. Bring the tab with the call to the front, press the drTranscribe icon in the toolbar once, then press Start. Chrome's own pages cannot be heard.",
  tabCaptured: "Another recording of this tab is running. Stop it, or reload the tab with the call, then press Start.",
  microphoneDenied:
    "Chrome may not use the microphone. Press Allow in the tab that has opened; if no question comes, press the symbol at the left of the address bar there and allow the microphone. Then press Start again.",
  microphoneAsk: "Chrome has to ask for the microphone first. Press Allow in the tab that has opened, then press Start here.",
  troubles: {
    microphone: {
      ambient: "The microphone was unplugged or taken by another program. What was said so far is safe. Plug it in, then press Continue.",
      dual: "The microphone was unplugged or taken by another program: you are not heard. The patient still is. Plug it in again.",
    },
    microphone_silent: "Nothing comes from your microphone. Is it muted, or is another one meant? Settings has the choice.",
    microphone_muted: "Your microphone is muted by this computer or by a switch on it: you are not heard until it is switched on again.",
    stalled: "No sound arrives any more, and nothing is recorded. Check the microphone; if it stays like this, press Pause, then Continue.",
    tab: "The tab with the call was closed or has moved to another page: the patient is not heard any more. Your microphone still is. To hear the patient again, stop, then start a new consultation from the tab with the call.",
    tab_silent: "No sound comes from the tab. Is the call in this tab, has it begun, and is the patient's microphone on?",
    suspended: "The computer has suspended the sound. Press Pause, then Continue.",
  },
  retryMicrophone: "Try the microphone again",

  // Servers
  noAddress: "No server is set. Enter the address that your IT department gave you in Settings.",
  badAddress: (typed) => `"${typed}" is no address. Enter one such as https://scribe.example/`,
  plainAddress: (typed) => `"${typed}" is not encrypted. Enter an address that begins with https://`,
  unreached: (host) => `${host} does not answer. Check that this computer is on the clinic's network, and the address in Settings.`,
  networkBlocked:
    "Chrome blocks the clinic's network for drTranscribe. Press the symbol at the left of the address bar of the Settings tab, allow access to the local network, then try again. If it cannot be changed there, ask your IT department.",
  notAServer: (host) => `${host} answers, but not as a drTranscribe server. Check the address in Settings.`,
  extensionUnknown: (host, origin) =>
    `${host} does not know this extension yet. Ask the server's operator to add ${origin} to --allowed-origins.`,
  hostUnknown: (host) => `The server does not go by the name ${host}. Ask its operator to add it to --allowed-hosts.`,
  closed: {
    1001: "The server is going down. Copy what you need from here; start again when it is back.",
    1006: "The server does not answer any more. Check this computer's network. What was sent until then stays on the server.",
    1008: "The server did not understand the extension. Ask your IT department to bring both to the same version.",
    1009: "The server takes smaller pieces of sound. Choose a shorter time in Settings, then start again.",
    4401: "The server does not know who you are any more. Check the key in Settings.",
    4404: "The server no longer has this consultation, so it cannot go on. Copy what you need from here, then start a new one.",
    4408: "The consultation ended because nothing was heard for a long time.",
  },
  closedOtherwise: "The connection ended unexpectedly. Copy what you need from here, then start a new consultation.",
  stopped: {
    idle: "Ended by the server: nothing was heard for a long time",
    limit: "Ended by the server: it reached the longest time allowed",
    shutdown: "Ended by the server: it is shutting down",
    connection_lost: "Cut short",
  },
  unknownAddress: (host) => `The server names ${host}, which is not in Settings. Ask your IT department whether it belongs there.`,
  keyMissing: "This server asks for a key. Enter the key that its operator gave you in Settings.",
  keyRefused: "The server does not take this key: it was mistyped, has run out or was withdrawn. Ask its operator for a new one, and enter it in Settings.",
  keyOfOther: "The server does not give out this consultation with this key: it belongs to another owner. Enter a key of the owner who began it in Settings.",
  keyAwaited: (time) => `The consultation is not over: what is shown stays here and its sound is kept. Until ${time} it goes on by itself with a key of the same owner.`,
  keyMayNot: "This key may read, but not record. Ask the server's operator for one with the scope speak.",
  signOn: "This server lets people in by the hospital's sign-on, which an extension cannot use. Ask its operator for a key, and enter it in Settings.",
  tooOften: (wait_s) => `The server takes no more connections with this key just now. Try again in ${seconds(Math.ceil(wait_s ?? 60))}.`,

  // Putting the note into the record
  placed: (title) => `${title}: put in, and read back the same. Nothing is saved yet.`,
  refusals: {
    no_caret: "There is no caret in the page in front. Click into the field of the record where this belongs, then press Put again.",
    kind: "This field takes no running text. Click into a text field, then press Put again.",
    read_only: "This field is locked in the record. Unlock it there, or choose another one. Nothing was put in.",
    too_long: ({ most }) => `This field holds at most ${most} characters, and this would be more. Put in single parts, or choose another field. Nothing was put in.`,
    kept: "The record refused the text: the field is as it was. Type it there yourself, or choose another field.",
    changed: "The record changed what was put in. Compare the field with the note, and correct it before you save.",
    replaced: "The record drew its page anew while the text was put in. Look whether it is there before you try again.",
    foreign: ({ origin }) => `This field belongs to ${origin}, a page inside the record. Allow drTranscribe to write there, then press Put again.`,
  },
  notInvited:
    "Chrome does not let drTranscribe write into this page yet. Bring the record to the front, press the drTranscribe icon in the toolbar once, click into the field, then press Put again. Chrome's own pages cannot be written into.",
  allowFrame: "Allow this page",
  frameRefused: "Not allowed. The note cannot be put into this field; copy it from here instead.",

  // The tab that asks for the microphone
  microphoneTab: "drTranscribe: microphone",
  microphoneTitle: "The microphone",
  microphoneWhy: "drTranscribe hears you through the microphone while a consultation runs, and at no other time. Chrome asks once.",
  microphoneAllow: "Allow the microphone",
  microphoneAllowed: "Allowed. You may close this tab and press Start in the side panel.",
  microphoneBlocked:
    "Chrome blocks the microphone. Press the symbol at the left of the address bar, allow the microphone, then press the button again. If it cannot be changed there, ask your IT department.",

  // Settings
  settingsTab: "drTranscribe: settings",
  addresses: "Servers",
  addressesHint: "One address on each line, such as https://scribe.example/. The first that answers is used; the others take over when it fails.",
  addressesManaged: "Your IT department has set these.",
  keyHint: "It is kept in this browser alone and sent to these servers alone. Leave it empty where the server asks for none.",
  chunk: "Sound is sent every",
  seconds,
  usual: "The one that Chrome uses",
  saveAndCheck: "Save and check",
  saved: "Saved.",
  hostsRefused:
    "Chrome was not allowed to reach these servers, so that faults can be told less exactly. Save again to be asked anew. If Chrome does not ask, your IT department has to allow it.",
  ready: (host) => `${host} is ready.`,
  origin: (origin) => `For the server's operator: --allowed-origins ${origin}`,
};
