"use strict";
// SIGTERM and SIGINT, obeyed from the first moment on. Load this module before any other.
//
// The kernel drops a signal for process 1 of a container that has no handler for it, and `docker stop` sends it once.
// Until this line runs, Node has handlers of its own, which restore the default action and raise the signal again:
// nothing comes of that in process 1, but it leaves the one signal without a handler, and the other one with.

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
