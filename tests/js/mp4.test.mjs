/** The parameter sets are libx264's, of 1280x720 with all values of BT.709, and of 1920x1080. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { unitsOf } from "../../streaming/static/streaming/engine/annex-b.js";
import { initSegment, mediaSegment } from "../../streaming/static/streaming/engine/mp4.js";
import { describe } from "../../streaming/static/streaming/engine/sps.js";
import { FrameKind } from "../../streaming/static/streaming/shared/protocol.js";

const { H264 } = FrameKind;

const SPS = "6742c01fda014016e9b810100a000003000200000300651e306540";
const PPS = "68ce3c80";
const HD_SPS = "6742c028da01e0089f961000000300100000030328f1832a";
const DELIMITER = "0000000109f0";

/** @param {string[]} hex */
const bytes = (...hex) => Uint8Array.from(Buffer.from(hex.join("").replaceAll(" ", ""), "hex"));
/** @param {Uint8Array} value */
const hexOf = (value) => Buffer.from(value).toString("hex");
const KEYFRAME = bytes(DELIMITER, "00000001", SPS, "00000001", PPS, "000001 65888040", "000001 65888041");

/** @typedef {{type: string, start: number, content: Uint8Array}} Box */

/**
 * Reads boxes one after another.
 * @param {Uint8Array} data
 * @returns {Box[]}
 */
function boxes(data) {
  const found = [];
  let start = 0;
  while (start < data.length) {
    const size = new DataView(data.buffer, data.byteOffset + start).getUint32(0);
    assert.ok(size >= 8 && start + size <= data.length, `a box of ${size} bytes at ${start} of ${data.length}`);
    const type = String.fromCharCode(...data.subarray(start + 4, start + 8));
    found.push({ type, start, content: data.subarray(start + 8, start + size) });
    start += size;
  }
  return found;
}

/**
 * The content of the box at a path such as "moov/trak".
 * @param {Uint8Array} data
 * @param {string} path
 */
function inside(data, path) {
  return path.split("/").reduce((within, type) => {
    const skipped = { stsd: 8, avc1: 78 }[within.type] ?? 0;
    const box = boxes(within.content.subarray(skipped)).find((each) => each.type === type);
    assert.ok(box, `no ${type} in ${within.type}`);
    return box;
  }, /** @type {Box} */ ({ type: "", start: 0, content: data })).content;
}

const STSD = "moov/trak/mdia/minf/stbl/stsd";

test("units are found behind start codes of three and four bytes, without trailing zeros", () => {
  const found = [...unitsOf(bytes("0000 000109f0 00 000001 41aa00 00000300 bb0000 000001"))].map(hexOf);
  assert.deepEqual(found, ["09f0", "41aa00000003 00bb".replace(" ", "")]);
  assert.deepEqual([...unitsOf(bytes("0000"))], []);
});

test("the initialization segment has the boxes that a player needs", () => {
  const init = initSegment(KEYFRAME, H264);
  assert.ok(init);
  assert.deepEqual(boxes(init).map(({ type }) => type), ["ftyp", "moov"]);
  assert.deepEqual(boxes(inside(init, "moov")).map(({ type }) => type), ["mvhd", "trak", "mvex"]);
  assert.deepEqual(boxes(inside(init, "moov/trak/mdia/minf/stbl")).map(({ type }) => type), ["stsd", "stts", "stsc", "stco", "stsz"]);
  for (const [path, size] of [["moov/mvhd", 100], ["moov/trak/tkhd", 84], ["moov/trak/mdia/mdhd", 24], ["moov/mvex/trex", 24]]) {
    assert.equal(inside(init, String(path)).length, size, String(path));
  }
  assert.equal(hexOf(inside(init, "moov/mvhd")).slice(32, 40), "00000000", "no duration: the video is live");
});

test("the configuration has the parameter sets and the stream's profile", () => {
  const init = initSegment(KEYFRAME, H264);
  assert.ok(init);
  assert.equal(hexOf(inside(init, `${STSD}/avc1/avcC`)), `0142c01fffe1001b${SPS}010004${PPS}`);
});

test("the sample description has the size of the picture and its colors", () => {
  const init = initSegment(KEYFRAME, H264);
  assert.ok(init);
  const entry = inside(init, STSD).subarray(16);
  assert.equal(hexOf(entry.subarray(24, 28)), "050002d0");
  assert.equal(hexOf(inside(init, `${STSD}/avc1/colr`)), `${hexOf(Buffer.from("nclx"))}00010001000180`);
});

test("the size is that after cropping: 1920x1080 has 1088 lines", () => {
  const { width, height, lines } = describe(bytes("00000001", HD_SPS));
  assert.deepEqual([width, height, lines], [1920, 1080, 1088]);
});

test("without a parameter set there is no initialization segment", () => {
  assert.equal(initSegment(bytes("00000001", SPS, "00000001 65888040"), H264), null);
  assert.equal(initSegment(bytes("00000001", PPS, "00000001 65888040"), H264), null);
  assert.equal(initSegment(bytes(""), H264), null);
});

test("a fragment has one picture: its units with their lengths, without parameter sets and delimiter", () => {
  const times = { decodeTime: 2 ** 33 + 5, offset: -40_000, duration: 40_000 };
  const fragment = mediaSegment({ sequence: 7, ...times, key: true, kind: H264, accessUnit: KEYFRAME });
  const [moof, mdat] = boxes(fragment);
  assert.deepEqual([moof.type, mdat.type], ["moof", "mdat"]);
  assert.equal(hexOf(mdat.content), "00000004658880400000000465888041");
  assert.equal(hexOf(inside(fragment, "moof/mfhd")), "0000000000000007");
  assert.equal(hexOf(inside(fragment, "moof/traf/tfhd")), "0002000000000001");
  assert.equal(hexOf(inside(fragment, "moof/traf/tfdt")), "010000000000000200000005");
  const offset = (mdat.start + 8).toString(16).padStart(8, "0");
  assert.equal(hexOf(inside(fragment, "moof/traf/trun")), `01000f0100000001${offset}00009c400000001002000000ffff63c0`);
});

test("a picture that depends on others is no sync sample", () => {
  const accessUnit = bytes("00000001 419a0203");
  const fragment = mediaSegment({ sequence: 1, decodeTime: 0, offset: 0, duration: 1, key: false, kind: H264, accessUnit });
  assert.equal(hexOf(inside(fragment, "moof/traf/trun")).slice(40, 48), "01010000");
});
