/**
 * Writes MP4 as the player does. Reads {"kind", "units": [base64, the first one a keyframe], "interval": microseconds} from
 * its input, and writes the file to its output.
 */
import { readFileSync } from "node:fs";

import { initSegment, mediaSegment } from "../../streaming/static/streaming/engine/mp4.js";

const { kind, units, interval } = JSON.parse(readFileSync(0, "utf8"));
units.forEach((/** @type {string} */ unit, /** @type {number} */ index) => {
  const accessUnit = Uint8Array.from(Buffer.from(unit, "base64"));
  if (index === 0) process.stdout.write(initSegment(accessUnit, kind) ?? "");
  const times = { decodeTime: index * interval, offset: 0, duration: interval };
  process.stdout.write(mediaSegment({ sequence: index + 1, ...times, key: index === 0, kind, accessUnit }));
});
