/** The parameter sets are those of libx264, except the one that Writer makes. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { colorSpaceOf } from "../../streaming/static/streaming/engine/color-space.js";
import { FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { Writer } from "./writer.mjs";

const bytes = (/** @type {string} */ hex) => Uint8Array.from(Buffer.from(hex, "hex"));

const said = (/** @type {string} */ hex) => {
  const { primaries, transfer, matrix, fullRange } = colorSpaceOf(bytes(hex), FrameKind.H264);
  assert.deepEqual([primaries, transfer], ["bt709", "bt709"]);
  return [matrix, fullRange];
};

/** @type {Record<string, [string, string, boolean]>} */
const SETS = {
  "no colors, 1280x720": ["0000016742c01fda014016e840000003004000000ca3c60ca800", "bt709", false],
  "nothing, 1920x1080": ["0000016742c028da01e0089f961000000300100000030328f1832a00", "bt709", false],
  "nothing, 720x576": ["0000016742c01eda02d049a1000003000100000300328f162ea000", "smpte170m", false],
  "nothing, 720x576, interlaced": ["0000016764001eacd940b424d08000000300800000190f8a14cb00", "smpte170m", false],
  "BT.709, all values": ["0000016742c01fda014016e9b810100a000003000200000300651e30654000", "bt709", true],
  "BT.709, 1920x1080, interlaced": ["00000167640028acd94078044fdcd4080805000003000100000300321f162d9600", "bt709", false],
  "SMPTE 170M": ["0000016742c01fda014016e9a8101032000003000200000300651e30654000", "smpte170m", false],
  "BT.470BG, all values, pixels of 13:11": [
    "0000016764001eacd940b0126ffc0034002db810102a000003000200000300641e2c5b2c00",
    "bt470bg",
    true,
  ],
  "BT.470BG, for PAL": ["0000016742c01fda014016e92810102a000003000200000300651e30654000", "bt470bg", false],
  "BT.2020": ["00000167640028acd940780227e59a810104a0000003002000000641e30632c000", "bt2020-ncl", false],
  "all values alone, 1280x720": ["000000016742c01fda014016e9b2000003000200000300651e30654000", "smpte170m", true],
  "all values alone, 640x360": ["0000016742c01eda0280bfe59b20000003002000000651e2c5d400", "smpte170m", true],
  "an overscan hint": ["0000016742c01fda014016eadc080819000003000100000300328f1832a000", "smpte170m", true],
};

for (const [what, [hex, matrix, fullRange]] of Object.entries(SETS)) {
  test(`the colors of a camera with ${what}`, () => assert.deepEqual(said(hex), [matrix, fullRange]));
}

test("the parameter set is found behind a delimiter and SEI messages, and ends with the next unit", () => {
  const [set] = SETS["BT.709, all values"];
  assert.deepEqual(said(`0000000109f0 0000010605010203 00${set} 000000016801 0000000165`.replaceAll(" ", "")), ["bt709", true]);
});

test("scaling lists, a cyclic picture order and cropping are skipped", () => {
  const set = new Writer().fixed(100, 8).fixed(0, 8).fixed(40, 8).unsigned(0); // high, level 4, set 0
  set.unsigned(1, 0, 0).fixed(0, 1).fixed(1, 1); // 4:2:0, 8 bits; scaling lists follow
  set.fixed(1, 1).signed(...Array(16).fill(1)); // whole
  set.fixed(1, 1).signed(-8); // as it is by default
  set.fixed(1, 1).signed(2, -10); // ends early
  set.fixed(0, 3).fixed(1, 1).signed(...Array(64).fill(1).fill(-1, 32)).fixed(0, 1);
  set.unsigned(0, 1).fixed(0, 1).signed(-3, 5).unsigned(2).signed(7, -7); // order by a cycle of two
  set.unsigned(3).fixed(0, 1).unsigned(119, 67).fixed(1, 1).fixed(1, 1).fixed(1, 1).unsigned(0, 0, 0, 4); // 1920x1080
  set.fixed(1, 1).fixed(0, 2).fixed(1, 1).fixed(5, 3).fixed(1, 1).fixed(1, 1).fixed(9, 8).fixed(16, 8).fixed(9, 8);
  assert.ok(!/000000|000001|000002|000003/.test(set.hex), "nothing to escape");
  assert.deepEqual(said(`0000000167${set.hex}`), ["bt2020-ncl", true]);
});

test("truncated and invalid sets count as unspecified", () => {
  const [set] = SETS["SMPTE 170M"];
  for (const hex of ["", "00", "0000", "00000165aabb", "0000016742", `${set.slice(0, 30)}`, "000001676400280000000000"]) {
    assert.equal(colorSpaceOf(bytes(hex), FrameKind.H264).fullRange, false);
  }
  assert.deepEqual(said("00000165 88 0000016742c01fda01".replaceAll(" ", "")), ["bt709", false]);
  const long = `000001676400ff${"ff".repeat(4)}${"00ff".repeat(5000)}`;
  assert.ok(colorSpaceOf(bytes(long), FrameKind.H264));
});
