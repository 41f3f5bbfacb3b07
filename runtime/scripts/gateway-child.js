"use strict";
// The gateway as a child process: starts it, polls it until it is ready, and restarts it on request.

const { spawn } = require("node:child_process");
const http = require("node:http");
const path = require("node:path");

const POLL_ANSWER_MS = 5000;
const KILL_MS = 2000;

class Gateway {
  // Args: the gateway's port; how long, in milliseconds, its first start may take; the interval of the polls.
  constructor(port, startMs, pollMs) {
    this.port = port;
    this.startMs = startMs;
    this.pollMs = pollMs;
    this.up = false; // whether it answers
    this.ready = false; // whether it has reported once, since its start, that it is ready
    this.wasUp = false;
    this.state = "stopped"; // stopped, running, restarting
    this.onExit = () => {};
    this.onLate = () => {}; // called if the first start takes too long
    this.child = null;
    this.timer = null;
  }

  start() {
    this.state = "running";
    const child = spawn("sh", [path.join(__dirname, "gateway.sh")], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, OPENCLAW_GATEWAY_PORT: String(this.port) },
    });
    this.child = child;
    child.on("error", (error) => console.error(`pool-server: gateway.sh: ${error.message}`));
    child.on("close", (code, signal) => this.ended(child, code, signal));
    this.poll(child, Date.now() + this.startMs);
  }

  ended(child, code, signal) {
    if (child !== this.child) return;
    clearTimeout(this.timer);
    this.up = this.ready = false;
    this.child = null;
    if (this.state === "restarting") return this.start();
    if (this.state !== "stopped") this.onExit(code, signal);
  }

  async poll(child, deadline) {
    const body = await this.request("GET", "/convos/status", { answerMs: POLL_ANSWER_MS }).then(
      ([, found]) => found ?? {},
      (error) => (error instanceof SyntaxError ? {} : null), // an answer that is not JSON is still an answer
    );
    if (child !== this.child || this.state !== "running") return;
    if (body) this.up = this.wasUp = true;
    if (body?.ready === true) {
      this.ready = true;
      console.log("pool-server: ready");
    } else if (!this.wasUp && Date.now() > deadline) {
      console.error(`pool-server: the gateway did not answer in ${this.startMs / 1000} s`);
      this.onLate();
    } else {
      this.timer = setTimeout(() => this.poll(child, deadline), this.pollMs);
    }
  }

  restart() {
    if (!this.child || this.state !== "running") return;
    clearTimeout(this.timer);
    this.up = this.ready = false;
    this.state = "restarting";
    this.terminate(this.child);
  }

  stop() {
    const child = this.child;
    this.up = this.ready = false;
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

  // Resolves with the status and the parsed body; rejects if there is no answer in time, or none in JSON.
  request(method, route, { body, answerMs }) {
    const headers = { "content-type": "application/json" };
    if (process.env.OPENCLAW_GATEWAY_TOKEN) headers.authorization = `Bearer ${process.env.OPENCLAW_GATEWAY_TOKEN}`;
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: this.port, path: route, method, headers };
      const request = http.request({ ...options, signal: AbortSignal.timeout(answerMs) }, (response) => {
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
      request.on("error", (error) => reject(error.name === "AbortError" ? new Error(`no answer in ${answerMs} ms`) : error));
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

module.exports = { Gateway };
