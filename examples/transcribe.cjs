// Streams a WAV file to a drTranscribe server as if it were spoken now, and prints what comes back.
//
//   node transcribe.cjs ws://127.0.0.1:8765/ws consultation.wav [speed]
//
// The file holds 16-bit PCM: one channel, or two with the clinician on the left and the patient on the right.
// Node 22 and later have a WebSocket of their own. Node 20: node --experimental-websocket. Older: npm install ws.
// A server with keys: put the key into the environment variable DRTRANSCRIBE_KEY. Node's WebSocket sends no headers, so
// the program asks for a ticket with it, as a page in a browser would.
// A lost connection ends this program; docs/protocol.md says how a client resumes a session.
"use strict";
const { readFileSync } = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const Socket = globalThis.WebSocket ?? require("ws");

const CHUNK_S = 0.5;

/** {sampleRate, channels, pcm} of a WAV file; throws where it is not 16-bit PCM. */
function readWav(path) {
  const file = readFileSync(path);
  if (file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WAVE") {
    throw new Error(`${path} is no WAV file`);
  }
  const chunks = new Map();
  for (let at = 12; at + 8 <= file.length; ) {
    const size = file.readUInt32LE(at + 4);
    chunks.set(file.toString("latin1", at, at + 4), file.subarray(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
  }
  const format = chunks.get("fmt ");
  const pcm = chunks.get("data");
  if (!format || !pcm || format.readUInt16LE(14) !== 16) {
    throw new Error(`${path} is not 16-bit PCM: convert the file first`);
  }
  return { channels: format.readUInt16LE(2), sampleRate: format.readUInt32LE(4), pcm };
}

/** Sends each chunk when its last sample would have been spoken, then stops. */
async function speak(socket, { sampleRate, channels, pcm }, speed) {
  const chunkBytes = Math.floor(CHUNK_S * sampleRate) * channels * 2;
  const began = performance.now();
  for (let at = 0; at < pcm.length; at += chunkBytes) {
    const spokenMs = ((at + chunkBytes) / (sampleRate * channels * 2)) * 1000;
    await sleep(Math.max(0, began + spokenMs / speed - performance.now()));
    if (socket.readyState !== Socket.OPEN) return;
    socket.send(pcm.subarray(at, at + chunkBytes));
  }
  socket.send(JSON.stringify({ type: "stop_session" }));
}

/** Prints finals and findings. Finals never change; findings can be updated and retracted. */
function show(event) {
  if (event.type === "transcript" && event.segment.final && event.segment.text) {
    console.log(`${event.segment.start.toFixed(1)}s ${event.segment.speaker}: ${event.segment.text}`);
  } else if (event.type === "extraction") {
    for (const { op, finding } of event.ops) {
      const quotes = finding.evidence.map((evidence) => `"${evidence.quote}"`).join(", ");
      console.log(`        ${op} ${finding.kind}: ${finding.text} (${finding.status}), since ${quotes}`);
    }
  } else if (event.type === "notice" || event.type === "error") {
    console.error(`! ${event.message}`);
  }
}

/** The subprotocols to offer: with a key, a ticket stands among them, which is good for one connection. */
async function subprotocols(url, key) {
  if (!key) return ["drtranscribe.v1"];
  const tickets = new URL("v1/tickets", url.replace(/^ws/, "http"));
  const answer = await fetch(tickets, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message);
  return ["drtranscribe.v1", `bearer.${told.ticket}`];
}

async function main(url, path, speed = "1") {
  const wav = readWav(path);
  const socket = new Socket(url, await subprotocols(url, process.env.DRTRANSCRIBE_KEY));
  let stopped = false;
  socket.addEventListener("open", () => {
    socket.send(
      JSON.stringify({
        type: "start_session",
        audio: { encoding: "pcm_s16le", sample_rate: wav.sampleRate, channels: wav.channels },
        mode: wav.channels === 2 ? "dual" : "ambient",
        consent: true, // the people who are recorded agreed to it
      }),
    );
  });
  socket.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    show(event);
    if (event.type === "session_started") speak(socket, wav, Number(speed));
    if (event.type === "session_stopped") stopped = true;
  });
  process.exitCode = 1; // until the session has ended as it should
  socket.addEventListener("error", () => console.error(`no connection to ${url}: is the server running there?`));
  socket.addEventListener("close", ({ code }) => {
    if (stopped) process.exitCode = 0;
    else console.error(`the connection was closed with ${code} before the session had ended`);
  });
}

if (process.argv.length < 4) {
  console.error("usage: node transcribe.cjs URL FILE.wav [SPEED]");
  process.exitCode = 2;
} else {
  main(...process.argv.slice(2)).catch(({ message }) => {
    console.error(message);
    process.exitCode = 1;
  });
}
