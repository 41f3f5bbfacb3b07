"use strict";
// Handles SIGTERM and SIGINT from the start. Load this module before any other.
//
// The kernel drops a signal to process 1 of a container if there is no handler for it, and `docker stop` sends it once.
// While Node starts, it has handlers of its own, which restore the default action and raise the signal again. In process
// 1 that has no effect, but it can be detected: afterwards one of the two signals has no handler, and the other one has.

const fs = require("node:fs");

const NUMBERS = { SIGTERM: 15n, SIGINT: 2n };
const NAMES = Object.keys(NUMBERS);

function missed() {
  if (process.pid !== 1) return false;
  try {
    const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"));
    const without = NAMES.filter((name) => !((BigInt(`0x${caught}`) >> (NUMBERS[name] - 1n)) & 1n));
    return without.length === 1;
  } catch {
    return false;
  }
}

let end = () => process.exit(0);

const hasMissedOne = missed();
for (const name of NAMES) process.on(name, () => end());
if (hasMissedOne) process.exit(0);

module.exports = {
  onEnd(action) {
    end = action;
  },
};
