"use strict";
// The environment, read once: what the pool server and the gateway agree on.

const fs = require("node:fs");
const path = require("node:path");

function port(name, fallback) {
  const text = process.env[name] || String(fallback);
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65535) {
    console.error(`${name}: must be a port from 1 to 65535, not ${JSON.stringify(text)}`);
    process.exit(1);
  }
  return number;
}

const stateDir = process.env.OPENCLAW_STATE_DIR || "/app";
// The volume outlives deployments, the state folder of the image does not.
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
  stateDir,
  volume,
  gatewayPort: () => port("OPENCLAW_GATEWAY_PORT", 18789),
  // Asked after root was given up: before that everything is writable.
  dataFile: (name) => path.join(isWritableFolder(volume) ? volume : stateDir, name),
  generatedFile: path.join(stateDir, "generated.env"),
};
