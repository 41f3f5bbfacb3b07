"use strict";
// The settings that the pool server and the gateway share, from environment variables.

const fs = require("node:fs");
const path = require("node:path");

function whole(name, fallback, [least, most], what) {
  const text = process.env[name] || String(fallback);
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most) {
    console.error(`${name}: must be ${what} from ${least} to ${most}, not ${JSON.stringify(text)}`);
    process.exit(1);
  }
  return number;
}

const port = (name, fallback) => whole(name, fallback, [1, 65535], "a port");
const milliseconds = (name, fallback) => whole(name, fallback, [1, 86_400_000], "milliseconds");

const stateDir = process.env.OPENCLAW_STATE_DIR || "/app";
// A volume outlives deployments; the state folder, which is part of the container, does not.
const volume = process.env.RAILWAY_VOLUME_MOUNT_PATH || "/data";

function isWritableFolder(folder) {
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    return fs.statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

module.exports = {
  port,
  milliseconds,
  stateDir,
  volume,
  isWritableFolder,
  gatewayPort: () => port("OPENCLAW_GATEWAY_PORT", 18789),
  // How long a claim keeps trying: by default 30 tries, a second apart, with 10 s for each.
  provisioning: () => ({
    tries: whole("RUNTIME_PROVISION_TRIES", 30, [1, 1000], "a number"),
    pauseMs: milliseconds("RUNTIME_PROVISION_PAUSE_MS", 1000),
    answerMs: milliseconds("RUNTIME_PROVISION_ANSWER_MS", 10_000),
  }),
  startMs: () => milliseconds("RUNTIME_START_MS", 120_000),
  // To be called after root was given up, because everything is writable for root.
  dataFile: (name) => path.join(isWritableFolder(volume) ? volume : stateDir, name),
  generatedFile: path.join(stateDir, "generated.env"),
};
