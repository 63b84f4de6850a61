/** The differences between H.264 and H.265 in a byte stream and in MP4 (ISO/IEC 14496-15, 5.3.3 and 8.3.3). */

import { Unit, UnitOfH265, typeOf, typeOfH265 } from "./annex-b.js";
import { box, u16 } from "./boxes.js";
import { describeH265, readGeneral } from "./h265-sps.js";
import { FrameKind } from "../shared/protocol.js";
import { describe } from "./sps.js";

/** @import { Description } from "./sps.js" */

/**
 * @typedef {object} Syntax
 * @property {(unit: Uint8Array) => number} typeOf
 * @property {readonly number[]} sets types of the parameter sets, in the order of sending
 * @property {number} delimiter type of access unit delimiters
 * @property {(keyframe: Uint8Array) => Description} describe
 * @property {string} entry name of the sample entry
 * @property {(sets: Uint8Array[][], keyframe: Uint8Array) => Uint8Array} configuration the box with the parameter sets:
 *   those of each type
 */

const LENGTHS = 3; // of the units in a sample take this number of bytes and one

/** @param {Uint8Array[]} sets */
const sized = (sets) => sets.flatMap((set) => [u16(set.length), set]);

/** @type {Syntax} */
const H264 = {
  typeOf,
  sets: [Unit.SPS, Unit.PPS],
  delimiter: Unit.DELIMITER,
  describe,
  entry: "avc1",
  configuration: ([sps, pps]) =>
    box("avcC", [1], sps[0].subarray(1, 4), [0xfc | LENGTHS, 0xe0 | sps.length], ...sized(sps), [pps.length], ...sized(pps)),
};

/** @type {Syntax} */
const H265 = {
  typeOf: typeOfH265,
  sets: [UnitOfH265.VPS, UnitOfH265.SPS, UnitOfH265.PPS],
  delimiter: UnitOfH265.DELIMITER,
  describe: describeH265,
  entry: "hvc1",
  configuration: (sets, keyframe) => {
    const { profile, layers, nested, chroma, lumaDepth, chromaDepth } = readGeneral(keyframe);
    const depths = [0xfc, 0xfc | chroma, 0xf8 | (lumaDepth - 8), 0xf8 | (chromaDepth - 8)];
    const timing = [...u16(0), (layers << 3) | (nested << 2) | LENGTHS]; // no rate is known
    const complete = 0x80; // a sample has no other sets
    const arrays = sets.flatMap((ofType, index) => [[complete | H265.sets[index]], u16(ofType.length), ...sized(ofType)]);
    return box("hvcC", [1], profile, u16(0xf000), depths, timing, [sets.length], ...arrays);
  },
};

/** @type {Record<number, Syntax>} */
const SYNTAXES = { [FrameKind.H264]: H264, [FrameKind.H265]: H265 };

/** @param {number} kind of FrameKind, but not JPEG */
export const syntaxOf = (kind) => SYNTAXES[kind];
