"use strict";
// The start command on Railway: `node scripts/pool-server.js`. Runs the gateway as its child and answers for it on PORT.

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const { Gateway } = require("./gateway-child.js");
const { handler, readJson, requireBearer } = require("./http.js");
const privileges = require("./privileges.js");
const settings = require("./settings.js");

const port = settings.port("PORT", 8080);
const gatewayPort = settings.gatewayPort();
privileges.drop(settings);

function showKeys() {
  try {
    execFileSync("sh", [path.join(__dirname, "keys.sh"), "--generate"], { stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    console.error(`pool-server: keys.sh: exit ${error.status}; is ${settings.stateDir} (OPENCLAW_STATE_DIR) writable?`);
  }
}

// What keys.sh made stands in for what the environment lacks.
function loadGenerated() {
  if (!fs.existsSync(settings.generatedFile)) return;
  for (const line of fs.readFileSync(settings.generatedFile, "utf8").split("\n")) {
    const [, name, value] = /^(\w+)=(.+)$/.exec(line) || [];
    if (name && !process.env[name]) process.env[name] = value;
  }
}

showKeys();
loadGenerated();
const gateway = new Gateway(gatewayPort);

function status() {
  return {
    ready: gateway.ready,
    gateway: gateway.state,
    image: {
      revision: process.env.CONVOS_RUNTIME_REVISION || "unknown",
      version: process.env.CONVOS_RUNTIME_VERSION || "dev",
    },
    service: process.env.RAILWAY_SERVICE_NAME || null,
    domain: process.env.RAILWAY_PUBLIC_DOMAIN || null,
    uptimeSeconds: Math.round(process.uptime()),
  };
}

async function provision(request) {
  requireBearer(request, process.env.POOL_API_KEY);
  const body = await readJson(request);
  if (!gateway.ready) return [503, { error: "the gateway is not ready" }];
  return gateway.post("/conversation", body);
}

async function restartGateway(request) {
  requireBearer(request, process.env.POOL_API_KEY);
  gateway.restart();
  return [200, { ok: true }];
}

const server = http.createServer(
  handler({
    // 503 until ready: Railway's health check looks at nothing but the status, and wants 200.
    "GET /pool/health": async () => [gateway.ready ? 200 : 503, { ready: gateway.ready }],
    "GET /convos/status": async () => [200, status()],
    "POST /pool/provision": provision,
    "POST /pool/restart-gateway": restartGateway,
  }),
);

async function stop(code) {
  await gateway.stop();
  process.exit(code);
}

// As process 1 of a container there is no default action for these: without a handler `docker stop` takes its full 10 s.
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop(0));

gateway.onExit = (code, signal) => {
  console.error(`pool-server: the gateway ended (${signal || `exit code ${code}`}), so do we`);
  process.exit(code || 1);
};
server.on("error", (error) => {
  console.error(`PORT: ${port}: ${error.code === "EADDRINUSE" ? "another process listens there" : error.message}`);
  stop(1);
});
server.listen(port, () => {
  console.log(`pool-server: listening on ${port}, revision ${status().image.revision}`);
  gateway.start();
});
