"use strict";
// The gateway as a child process: started, polled until it is ready, restarted on request.

const { spawn } = require("node:child_process");
const http = require("node:http");
const path = require("node:path");

const POLL_MS = 1000;
const READY_MS = 120_000;
const KILL_MS = 2000;

class Gateway {
  constructor(port) {
    this.port = port;
    this.ready = false;
    this.state = "stopped"; // stopped, starting, ready, unready (not ready in time), restarting
    this.onExit = () => {};
    this.child = null;
    this.timer = null;
  }

  start() {
    this.state = "starting";
    const child = spawn("sh", [path.join(__dirname, "gateway.sh")], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, OPENCLAW_GATEWAY_PORT: String(this.port) },
    });
    this.child = child;
    child.on("error", (error) => console.error(`pool-server: gateway.sh: ${error.message}`));
    child.on("close", (code, signal) => this.ended(child, code, signal));
    this.poll(child, Date.now() + READY_MS);
  }

  ended(child, code, signal) {
    if (child !== this.child) return;
    clearTimeout(this.timer);
    this.ready = false;
    this.child = null;
    if (this.state === "restarting") return this.start();
    if (this.state !== "stopped") this.onExit(code, signal);
  }

  async poll(child, deadline) {
    const ok = await this.get("/healthz").then((status) => status === 200, () => false);
    if (child !== this.child || this.state !== "starting") return;
    if (ok) {
      this.ready = true;
      this.state = "ready";
      console.log("pool-server: ready");
    } else if (Date.now() > deadline) {
      this.state = "unready";
      console.error(`pool-server: the gateway was not ready in ${READY_MS / 1000} s`);
    } else {
      this.timer = setTimeout(() => this.poll(child, deadline), POLL_MS);
    }
  }

  restart() {
    if (!this.child || this.state === "restarting") return;
    this.ready = false;
    this.state = "restarting";
    this.terminate(this.child);
  }

  stop() {
    const child = this.child;
    this.ready = false;
    this.state = "stopped";
    if (!child) return Promise.resolve();
    return new Promise((resolve) => {
      child.once("close", resolve);
      this.terminate(child);
    });
  }

  terminate(child) {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_MS).unref();
  }

  get(route) {
    return this.request("GET", route).then(([status]) => status);
  }

  post(route, body) {
    return this.request("POST", route, body);
  }

  request(method, route, body) {
    const headers = { "content-type": "application/json" };
    if (process.env.OPENCLAW_GATEWAY_TOKEN) headers.authorization = `Bearer ${process.env.OPENCLAW_GATEWAY_TOKEN}`;
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.port, path: route, method, headers, timeout: POLL_MS * 5 };
      const request = http.request(options, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          try {
            resolve([response.statusCode, JSON.parse(Buffer.concat(chunks).toString("utf8"))]);
          } catch (error) {
            reject(error);
          }
        });
      });
      request.on("timeout", () => request.destroy(new Error("the gateway does not answer")));
      request.on("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

module.exports = { Gateway };
