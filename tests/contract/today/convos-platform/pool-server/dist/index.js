"use strict";
// A test double of the team's runtime of today, in one file: its routes and logins, without an agent behind them. Its
// gateway is a part of this process.
//
// TODAY_START_MS: how long its gateway takes to come up (300). TODAY_NOT_READY=1: up, and never ready. TODAY_EXIT=1: it ends.

const crypto = require("node:crypto");
const http = require("node:http");

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
let isUp = false;
let conversation = null;

function start() {
  if (process.env.TODAY_EXIT === "1") process.exit(1);
  isUp = false;
  setTimeout(() => {
    isUp = true;
  }, Number(process.env.TODAY_START_MS || 300));
}

function isReady() {
  return isUp && process.env.TODAY_NOT_READY !== "1";
}

function provision(body) {
  if (!isUp) return [503, { error: "Gateway not ready" }];
  for (const name of ["agentName", "instructions"]) {
    if (typeof body[name] !== "string" || !body[name]) return [400, { error: `${name} is required` }];
  }
  if (body.joinUrl != null && typeof body.joinUrl !== "string") return [400, { error: "joinUrl must be a string" }];
  if (conversation) return [500, { error: "the gateway answered 409 to each try" }];
  const id = crypto.randomUUID();
  conversation = { conversationId: id, inviteUrl: body.joinUrl || `https://convos.org/v2?i=${id}`, joined: Boolean(body.joinUrl) };
  return [200, { ok: true, ...conversation }];
}

function restart(body) {
  Object.assign(process.env, body.env ?? {});
  start();
  return [200, { ok: true }];
}

// What the proxied gateway says.
function gateway(request) {
  if (!isUp) return [502, { error: "Bad gateway" }];
  return request.url.split("?")[0] === "/convos/status" ? [200, { ready: isReady() }] : [404, { error: "Not found" }];
}

function answer(request, text) {
  const route = `${request.method} ${request.url.split("?")[0]}`;
  if (route === "GET /pool/health") return [200, { ready: isReady(), version: "0.0.0-double", runtime: "openclaw" }];
  const guarded = { "POST /pool/provision": provision, "POST /pool/restart": restart }[route];
  if (!guarded) return gateway(request);
  const token = process.env.GATEWAY_TOKEN;
  if (token && request.headers.authorization !== `Bearer ${token}`) return [401, { error: "Unauthorized" }];
  try {
    return guarded(JSON.parse(text || "{}"));
  } catch {
    return [400, { error: "Invalid JSON" }];
  }
}

const server = http.createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const [status, body] = answer(request, text);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
});

server.on("upgrade", (request, socket) => {
  socket.on("error", () => socket.destroy());
  if (!isUp) return socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
  const accept = crypto.createHash("sha1").update(`${request.headers["sec-websocket-key"]}${GUID}`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade", `sec-websocket-accept: ${accept}`];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
});

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
server.listen(Number(process.env.PORT || 8080), start);
