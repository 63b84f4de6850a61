/** The parameter sets are those of libx265, except the ones that Writer makes. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { colorSpaceOf } from "../../streaming/static/streaming/engine/color-space.js";
import { describeH265 } from "../../streaming/static/streaming/engine/h265-sps.js";
import { initSegment, mediaSegment } from "../../streaming/static/streaming/engine/mp4.js";
import { FrameKind } from "../../streaming/static/streaming/shared/protocol.js";
import { Writer } from "./writer.mjs";

const { H265 } = FrameKind;
const START = "00000001";
const VPS = "40010c01ffff01600000030090000003000003005dba0240";
const SPS = "42010101600000030090000003000003005da00280802d165ba4a4c2e68080000003008000000c84";
const PPS = "4401c0718112";
const DELIMITER = "46010f";
const IDR = "28018040";

/** @param {string[]} hex */
const bytes = (...hex) => Uint8Array.from(Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));
/** @param {Uint8Array} value */
const hexOf = (value) => Buffer.from(value).toString("hex");
/** @param {string} sps */
const seen = (sps) => {
  const keyframe = bytes(START, VPS, START, sps, START, IDR);
  const { width, height } = describeH265(keyframe);
  const { matrix, fullRange } = colorSpaceOf(keyframe, H265);
  return [width, height, matrix, fullRange];
};

/** @type {Record<string, [string, number, number, string, boolean]>} */
const SETS = {
  "no colors, 1280x720": [SPS, 1280, 720, "bt709", false],
  "BT.709, 1920x1080, of 1088 lines": ["420101016000000300900000030000030078a003c0801107cb96e92930b9a80808082000000300200000030321", 1920, 1080, "bt709", false],
  "SMPTE 170M, all values, 640x360": ["42010101600000030090000003000003003fa005020171f2e5ba4a4c2e6e04040c08000003000800000300c840", 640, 360, "smpte170m", true],
  "all values alone": ["42010101600000030090000003000003005da00280802d165ba4a4c2e6c080000003008000000c84", 1280, 720, "smpte170m", true],
  "BT.2020 in 10 bits": ["42010102200000030090000003000003005da00280802d1365ba4a4c2e6a04041208000003000800000300c840", 1280, 720, "bt2020-ncl", false],
  "BT.470BG in 4:4:4, pixels of 16:11": ["4201010408000003009e0800000300003c90014101e2cb7494985e08d4080814100000030010000003019080", 320, 240, "bt470bg", false],
  "scaling lists and overscan, 322x242": ["42010101600000030090000003000003003ca00a880407111196e929385d6e04040208000003000800000300c840", 322, 242, "bt709", true],
};

for (const [what, [sps, ...expected]] of Object.entries(SETS)) {
  test(`size and colors of a camera with ${what}`, () => assert.deepEqual(seen(sps), expected));
}

/** The beginning of a set: Main, level 3, three temporal layers, 640x480. */
function writeBeginning() {
  const set = new Writer().fixed(0, 4).fixed(2, 3).fixed(1, 1); // of three layers
  for (const byte of [0x01, 0x60, 0xff, 0xff, 0xff, 0x90, 0xff, 0xff, 0xff, 0xff, 0xff, 90]) set.fixed(byte, 8);
  set.fixed(0b1101, 4).fixed(0, 12); // both of the first layer, the level of the second
  for (let left = 11 + 1 + 1; left > 0; left -= 1) set.fixed(0xaa, 8);
  return set.unsigned(0, 1, 640, 480).fixed(0, 1).unsigned(0, 0, 4); // set 0, 4:2:0, no cropping, 8 bits
}

/** @param {Writer} set with the colors SMPTE 170M in all values behind it */
function withColors(set) {
  set.fixed(0, 2).fixed(1, 1); // the usability information follows
  set.fixed(0, 2).fixed(1, 1).fixed(5, 3).fixed(1, 1).fixed(1, 1).fixed(6, 8).fixed(6, 8).fixed(6, 8).fixed(0, 8);
  assert.ok(!/000000|000001|000002|000003/.test(set.hex), "nothing to escape");
  return seen(`4201${set.hex}`);
}

test("layers, scaling lists, uncompressed blocks and long-term pictures are skipped", () => {
  const set = writeBeginning().fixed(1, 1).unsigned(1, 1, 1, 2, 2, 2, 3, 3, 3).unsigned(0, 3, 0, 3, 1, 1);
  set.fixed(1, 1).fixed(1, 1); // scaling lists follow
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < (size === 3 ? 2 : 6); matrix += 1) {
      if (matrix % 2) set.fixed(0, 1).unsigned(matrix);
      else set.fixed(1, 1).signed(...Array(Math.min(64, 16 << (2 * size)) + (size > 1 ? 1 : 0)).fill(1));
    }
  }
  set.fixed(3, 2).fixed(1, 1).fixed(0x77, 8).unsigned(0, 1).fixed(1, 1).unsigned(0); // no sets of reference pictures
  set.fixed(1, 1).unsigned(2).fixed(0xa5, 9).fixed(0x5a, 9);
  assert.deepEqual(withColors(set), [640, 480, "smpte170m", true]);
});

test("sets of reference pictures that are predicted from the one before are skipped", () => {
  const set = writeBeginning().fixed(0, 1).unsigned(1, 1, 1).unsigned(0, 3, 0, 3, 1, 1).fixed(0, 1).fixed(3, 2).fixed(0, 1);
  set.unsigned(3); // sets
  set.unsigned(2, 1).unsigned(0).fixed(1, 1).unsigned(1).fixed(1, 1).unsigned(0).fixed(0, 1); // -1, -3 and +1
  set.fixed(1, 1).fixed(1, 1).unsigned(0).fixed(0b1_1_00_1, 5); // one earlier: -2, -4 and -1; +1 would be the picture itself
  set.fixed(1, 1).fixed(0, 1).unsigned(1).fixed(0b1_00_01_1, 6); // two later than -1, -2 and -4: +1, -2 and +2
  set.fixed(0, 1);
  assert.deepEqual(withColors(set), [640, 480, "smpte170m", true]);
});

test("truncated and invalid sets count as unspecified, and end", () => {
  for (const hex of ["", "4201", SPS.slice(0, 30), `4201${"00".repeat(80)}`]) {
    assert.equal(describeH265(bytes(START, hex)).fullRange, false);
  }
  assert.ok(describeH265(bytes(START, `4201${"00ff".repeat(5000)}`)));
  assert.ok(describeH265(bytes(START, `4201${"ff".repeat(5000)}`)));
  assert.deepEqual(describeH265(bytes(START, IDR, START, SPS)).width, 0, "a set behind the picture is not its own");
});

test("the sample entry is hvc1, with the size, the colors and all parameter sets", () => {
  const init = initSegment(bytes(START, DELIMITER, START, VPS, START, SPS, START, PPS, START, IDR), H265);
  assert.ok(init);
  const text = hexOf(init);
  const configuration = [
    "01 01 60000000 900000000000 5d", // version, profile, compatibility, constraints, level 3.1
    "f000 fc fd f8 f8 0000 0f 03", // 4:2:0, 8 bits, one layer, lengths of four bytes, three arrays
    `a0 0001 0018 ${VPS}`,
    `a1 0001 0028 ${SPS}`,
    `a2 0001 0006 ${PPS}`,
  ];
  assert.ok(text.includes(hexOf(Buffer.from("hvcC")) + configuration.join("").replaceAll(" ", "")), text);
  assert.ok(text.includes(`${hexOf(Buffer.from("hvc1"))}000000000000000100000000000000000000000000000000050002d0`), text);
  assert.ok(text.includes(`${hexOf(Buffer.from("nclx"))}00010001000100`));
});

test("without one of the parameter sets there is no initialization segment", () => {
  for (const sets of [[SPS, PPS], [VPS, PPS], [VPS, SPS]]) {
    assert.equal(initSegment(bytes(...sets.map((set) => START + set), START, IDR), H265), null);
  }
});

test("a fragment has no parameter sets and no delimiter", () => {
  const accessUnit = bytes(START, DELIMITER, START, VPS, START, SPS, START, PPS, "000001", IDR, "000001", "4e01");
  const fragment = mediaSegment({ sequence: 1, decodeTime: 0, offset: 0, duration: 1, key: true, kind: H265, accessUnit });
  assert.ok(hexOf(fragment).endsWith(`${hexOf(Buffer.from("mdat"))}00000004${IDR}000000024e01`));
});
