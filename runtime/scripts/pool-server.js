"use strict";
// The start command on Railway: `node scripts/pool-server.js`. It runs the gateway as its child, and listens on PORT.
// docs/runtime.md describes each route.

const signals = require("./signals.js");

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const { Gateway } = require("./gateway-child.js");
const { HttpError, handler, readJson, requireBearer, text } = require("./http.js");
const privileges = require("./privileges.js");
const { proxyRequest, proxyUpgrade } = require("./proxy.js");
const settings = require("./settings.js");

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const port = settings.port("PORT", 8080);
const patience = settings.provisioning();
const gateway = new Gateway(settings.gatewayPort(), settings.startMs(), settings.milliseconds("RUNTIME_POLL_MS", 1000));

// Runs keys.sh; resolves with its problem, or "". It is not synchronous, so that signals are handled meanwhile.
function showKeys() {
  const keys = spawn("sh", [path.join(__dirname, "keys.sh"), "--generate"], { stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve) => {
    keys.on("error", (error) => resolve(error.message));
    keys.on("close", (code) => resolve(code ? `exit code ${code}` : ""));
  });
}

// Adds the values that keys.sh generated to the environment, unless it has its own.
function loadGenerated() {
  if (!fs.existsSync(settings.generatedFile)) return;
  for (const line of fs.readFileSync(settings.generatedFile, "utf8").split("\n")) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(line) || [];
    if (name && !process.env[name]) process.env[name] = value;
  }
}

function requireKey(request) {
  requireBearer(request, process.env.POOL_API_KEY);
}

// The status is 200 in every state; the body tells whether the agent is ready.
async function health(request) {
  requireKey(request);
  return [200, { ready: gateway.ready }];
}

// Every failure of the gateway is retried, whatever its cause.
async function converse(wanted) {
  let problem = "";
  for (let left = patience.tries; left > 0; left -= 1) {
    try {
      const options = { body: wanted, answerMs: patience.answerMs };
      const [status, made] = await gateway.request("POST", "/convos/conversation", options);
      if (status === 200) return [200, { ok: true, ...made }];
      problem = `${status} ${made.error ?? ""}`.trim();
    } catch (error) {
      problem = error.message;
    }
    if (left > 1) await pause(patience.pauseMs);
  }
  return [500, { error: `the gateway failed ${patience.tries} times; the last answer: ${problem}` }];
}

async function provision(request) {
  requireKey(request);
  if (!gateway.up) return [503, { error: "the gateway is not up" }];
  const body = await readJson(request);
  return converse({
    agentName: text(body, "agentName", { required: true }),
    instructions: text(body, "instructions", { required: true }),
    joinUrl: text(body, "joinUrl"),
  });
}

function variables(env) {
  if (typeof env !== "object" || Array.isArray(env)) throw new HttpError(400, "env: must be an object");
  for (const [name, value] of Object.entries(env)) {
    if (!VARIABLE.test(name)) throw new HttpError(400, "env: a name must consist of letters, digits and underscores, and not begin with a digit");
    if (!["string", "number", "boolean"].includes(typeof value) || String(value).includes("\0")) {
      throw new HttpError(400, `env.${name}: must be a text`);
    }
  }
  return env;
}

async function restartGateway(request) {
  requireKey(request);
  Object.assign(process.env, variables((await readJson(request)).env ?? {}));
  gateway.restart();
  return [200, { ok: true }];
}

const server = http.createServer(
  handler(
    {
      "GET /pool/health": health,
      "POST /pool/provision": provision,
      "POST /pool/restart-gateway": restartGateway,
    },
    proxyRequest(gateway),
  ),
);
server.on("upgrade", proxyUpgrade(gateway));

async function stop(code) {
  await gateway.stop();
  process.exit(code);
}

gateway.onLate = () => stop(1);
gateway.onExit = (code, signal) => {
  console.error(`pool-server: the gateway ended (${signal || `exit code ${code}`}), so this process ends too`);
  process.exit(code || 1);
};
server.on("error", (error) => {
  console.error(`PORT: ${port}: ${error.code === "EADDRINUSE" ? "another process listens there" : error.message}`);
  stop(1);
});

async function main() {
  privileges.drop(settings);
  signals.onEnd(() => stop(0));
  const problem = await showKeys();
  if (problem) {
    // Without its generated token, the gateway would accept requests from anybody.
    console.error(`pool-server: keys.sh: ${problem}; is ${settings.stateDir} (OPENCLAW_STATE_DIR) full?`);
    process.exit(1);
  }
  loadGenerated();
  server.listen(port, () => {
    console.log(`pool-server: listening on ${port}, revision ${process.env.CONVOS_RUNTIME_REVISION || "unknown"}`);
    gateway.start();
  });
}

main();
