"use strict";
// The smoke tests (`pnpm qa`): run inside the container of a started image, against its own pool server.

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const settings = require("./settings.js");

const base = `http://127.0.0.1:${settings.port("PORT", 8080)}`;
const READY_MS = 30_000;

async function call(method, route, { body, token } = {}) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(base + route, { method, headers, body, signal: AbortSignal.timeout(5000) });
  return { status: response.status, body: await response.json() };
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

async function becomesReady() {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const { body } = await call("GET", "/pool/health", { token: process.env.POOL_API_KEY });
    if (body.ready === true) return;
    expect(Date.now() < deadline, `not ready within ${READY_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const tests = {
  "the pool server says it is ready": becomesReady,
  "the status names the image's revision": async () => {
    const { status, body } = await call("GET", "/convos/status");
    expect(status === 200 && body.ready === true, `status ${status}, ${JSON.stringify(body)}`);
    expect(typeof body.image.revision === "string" && body.image.revision !== "", "no revision");
  },
  "nothing is answered without the key, where one is set": async () => {
    if (!process.env.POOL_API_KEY) return "skipped: POOL_API_KEY is not set";
    const health = await call("GET", "/pool/health");
    expect(health.status === 401, `health: ${health.status}, not 401`);
    const without = await call("POST", "/pool/provision", { body: "{}" });
    const wrong = await call("POST", "/pool/provision", { body: "{}", token: `${process.env.POOL_API_KEY}x` });
    expect(without.status === 401 && wrong.status === 401, `${without.status} and ${wrong.status}, not 401`);
  },
  "bad requests are answered, not dropped": async () => {
    const token = process.env.POOL_API_KEY;
    const bad = await call("POST", "/pool/provision", { body: "{", token });
    const unnamed = await call("POST", "/pool/provision", { body: "{}", token });
    const idle = await call("POST", "/pool/provision", { body: '{"agentName":"a","instructions":""}', token });
    const unknown = await call("GET", "/no/such/path");
    const found = [bad.status, unnamed.status, idle.status, unknown.status].join(" ");
    expect(found === "400 400 400 404", `${found}, not 400 400 400 404`);
  },
  "every key is shown": async () => {
    const shown = execFileSync("sh", [path.join(__dirname, "keys.sh")], { encoding: "utf8" });
    const listed = fs.readFileSync(path.join(__dirname, "keys.list"), "utf8").split("\n");
    const names = listed.filter((line) => line && !line.startsWith("#")).map((line) => line.split(" ")[0]);
    const hidden = names.filter((name) => !shown.includes(name));
    expect(hidden.length === 0, `not shown: ${hidden.join(", ")}`);
  },
  "a restarted gateway becomes ready again": async () => {
    const { status } = await call("POST", "/pool/restart-gateway", { token: process.env.POOL_API_KEY });
    expect(status === 200, `status ${status}`);
    await becomesReady();
  },
};

async function main() {
  let failed = 0;
  for (const [name, test] of Object.entries(tests)) {
    try {
      const note = await test();
      console.log(`ok - ${name}${note ? ` # ${note}` : ""}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok - ${name}: ${error.message}`);
    }
  }
  console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
