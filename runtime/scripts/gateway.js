"use strict";
// A stand-in for the real gateway, with only the routes that the pool server and the smoke tests use. It listens on
// loopback.

require("./signals.js");

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");

const { HttpError, handler, readJson, requireBearer, text } = require("./http.js");
const privileges = require("./privileges.js");
const settings = require("./settings.js");
const websocket = require("./websocket.js");

const port = settings.gatewayPort();
privileges.drop(settings);
const file = settings.dataFile("conversation.json");

function load() {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

function save(made) {
  const temporary = `${file}.new`;
  fs.writeFileSync(temporary, JSON.stringify(made), { mode: 0o600 });
  fs.renameSync(temporary, file);
}

let conversation = load();

function status() {
  return {
    ready: process.env.RUNTIME_NEVER_READY !== "1",
    image: {
      revision: process.env.CONVOS_RUNTIME_REVISION || "unknown",
      version: process.env.CONVOS_RUNTIME_VERSION || "dev",
    },
    service: process.env.RAILWAY_SERVICE_NAME || null,
    domain: process.env.RAILWAY_PUBLIC_DOMAIN || null,
    uptimeSeconds: Math.round(process.uptime()),
  };
}

// An agent is in one conversation at most: a second request is refused, even with the same body.
async function converse(request) {
  const body = await readJson(request);
  const agentName = text(body, "agentName", { required: true });
  const instructions = text(body, "instructions", { required: true });
  const joinUrl = text(body, "joinUrl");
  if (conversation) throw new HttpError(409, "this agent is in a conversation already");
  const id = crypto.randomUUID();
  const made = { id, joined: joinUrl !== "", inviteUrl: joinUrl || `https://convos.org/v2?i=${id}`, agentName, instructions };
  save(made);
  conversation = made;
  return [200, { conversationId: id, inviteUrl: made.inviteUrl, joined: made.joined }];
}

async function guarded(request, answer) {
  requireBearer(request, process.env.OPENCLAW_GATEWAY_TOKEN);
  return answer(request);
}

if (process.env.RUNTIME_EXIT === "1") {
  console.error("gateway: RUNTIME_EXIT=1: a test double of an image that does not start");
  process.exit(1);
}

const server = http.createServer(
  handler({
    "GET /healthz": async () => [200, { ok: true }],
    "GET /convos/status": async () => [200, status()],
    "GET /convos/conversation": (request) => guarded(request, async () => [200, { conversationId: conversation?.id ?? null }]),
    "POST /convos/conversation": (request) => guarded(request, converse),
  }),
);
server.on("upgrade", websocket.echo);
server.on("error", (error) => {
  console.error(`gateway: port ${port}: ${error.code === "EADDRINUSE" ? "another process listens there" : error.message}`);
  process.exit(1);
});
if (process.env.RUNTIME_DEAF === "1") {
  console.error("gateway: RUNTIME_DEAF=1: a test double of a gateway that never answers");
  setInterval(() => {}, 1000);
} else {
  server.listen(port, "127.0.0.1", () => console.log(`gateway: listening on 127.0.0.1:${port}`));
}
