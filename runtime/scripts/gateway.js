"use strict";
// The gateway: here only what the pool server and the smoke tests need of the real one. Loopback only.

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");

const { HttpError, handler, readJson, requireBearer } = require("./http.js");
const privileges = require("./privileges.js");
const settings = require("./settings.js");

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

function save(conversation) {
  const temporary = `${file}.new`;
  fs.writeFileSync(temporary, JSON.stringify(conversation), { mode: 0o600 });
  fs.renameSync(temporary, file);
}

function text(body, name, { required = false } = {}) {
  const value = body[name] ?? "";
  if (typeof value !== "string" || (required && !value.trim())) throw new HttpError(400, `${name}: must be a text`);
  return value;
}

let conversation = load();

// The same request again gets the same conversation: whoever claimed may not have heard the first answer.
async function converse(request) {
  const body = await readJson(request);
  const wanted = {
    agentName: text(body, "agentName", { required: true }),
    instructions: text(body, "instructions"),
    joinUrl: text(body, "joinUrl"),
  };
  if (conversation && JSON.stringify(conversation.wanted) !== JSON.stringify(wanted)) {
    throw new HttpError(409, "this agent is in a conversation already");
  }
  if (!conversation) {
    const made = { id: crypto.randomUUID(), joined: wanted.joinUrl !== "", wanted };
    save(made);
    conversation = made;
  }
  const inviteUrl = wanted.joinUrl || `https://convos.org/v2?i=${conversation.id}`;
  return [200, { conversationId: conversation.id, inviteUrl, joined: conversation.joined }];
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
    "GET /healthz": async () =>
      process.env.RUNTIME_NEVER_READY === "1" ? [503, { ok: false, reason: "RUNTIME_NEVER_READY=1" }] : [200, { ok: true }],
    "GET /conversation": (request) => guarded(request, async () => [200, { conversationId: conversation?.id ?? null }]),
    "POST /conversation": (request) => guarded(request, converse),
  }),
);
server.on("error", (error) => {
  console.error(`gateway: port ${port}: ${error.code === "EADDRINUSE" ? "another process listens there" : error.message}`);
  process.exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`gateway: listening on 127.0.0.1:${port}`));

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
