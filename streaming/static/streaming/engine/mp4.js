/** Writes fragmented MP4 with one H.264 or H.265 track and one picture in each fragment (ISO/IEC 14496-12 and -15). */

import { unitsOf } from "./annex-b.js";
import { ascii, box, fullBox, join, u16, u32, zeros } from "./boxes.js";
import { matrixOf } from "./color-space.js";
import { syntaxOf } from "./syntax.js";

/** @import { Bytes } from "./boxes.js" */

export const TIMESCALE = 1_000_000; // media times are microseconds
const TRACK = 1;
const KEY_SAMPLE = 0x02000000; // depends on no other
const DELTA_SAMPLE = 0x01010000; // depends on others; not a sync sample
const UNITY = [u32(0x10000), u32(0), u32(0), u32(0), u32(0x10000), u32(0), u32(0), u32(0), u32(0x40000000)];

/**
 * The type for a media source. The parameter sets of H.265 are in the sample entry, which `hvc1` means: some browsers play
 * no `hev1`.
 * @param {string} codec in WebCodecs syntax
 */
export const mediaType = (codec) => `video/mp4; codecs="${codec.replace(/^hev1/, "hvc1")}"`;

/**
 * @typedef {object} Sample
 * @property {number} sequence of the fragment, from 1
 * @property {number} decodeTime microseconds
 * @property {number} offset of the presentation time from the decode time, microseconds
 * @property {number} duration microseconds
 * @property {boolean} key
 * @property {number} kind of FrameKind
 * @property {Uint8Array} accessUnit in Annex B
 */

/**
 * @param {Uint8Array} keyframe an access unit in Annex B, with its parameter sets
 * @param {number} kind of FrameKind
 * @returns {Uint8Array<ArrayBuffer> | null} the initialization segment; null: a parameter set is missing
 */
export function initSegment(keyframe, kind) {
  const { typeOf, sets: types, describe, entry: name, configuration } = syntaxOf(kind);
  const units = [...unitsOf(keyframe)];
  const sets = types.map((type) => units.filter((unit) => typeOf(unit) === type));
  if (sets.some((ofType) => !ofType.length)) return null;
  const description = describe(keyframe);
  const size = [u16(description.width), u16(description.height)];
  const colors = box("colr", ascii("nclx"), u16(1), u16(1), u16(matrixOf(description)), [description.fullRange ? 128 : 0]);
  const entry = box(name, zeros(6), u16(1), zeros(16), ...size, u32(0x480000), u32(0x480000), u32(0), u16(1), zeros(32),
    u16(24), u16(0xffff), configuration(sets, keyframe), colors); // prettier-ignore
  return join([
    box("ftyp", ascii("iso5"), u32(0), ascii("iso5"), ascii(name)),
    box("moov", movieHeader(), track(entry, size), box("mvex", fullBox("trex", 0, u32(TRACK), u32(1), zeros(12)))),
  ]);
}

/** @param {Sample} sample @returns {Uint8Array<ArrayBuffer>} one fragment */
export function mediaSegment({ sequence, decodeTime, offset, duration, key, kind, accessUnit }) {
  const { typeOf, sets, delimiter } = syntaxOf(kind);
  const outside = [...sets, delimiter]; // the sample entry has the parameter sets
  const data = [];
  for (const unit of unitsOf(accessUnit)) if (!outside.includes(typeOf(unit))) data.push(u32(unit.length), unit);
  const payload = box("mdat", ...data);
  /** @param {number} dataOffset from the start of the fragment */
  const fragment = (dataOffset) =>
    box(
      "moof",
      fullBox("mfhd", 0, u32(sequence)),
      box(
        "traf",
        fullBox("tfhd", 0x020000, u32(TRACK)), // default-base-is-moof
        fullBox("tfdt", 0x01000000, u32(Math.floor(decodeTime / 2 ** 32)), u32(decodeTime)),
        fullBox("trun", 0x01000f01, u32(1), u32(dataOffset), u32(duration), u32(payload.length - 8),
          u32(key ? KEY_SAMPLE : DELTA_SAMPLE), u32(offset)), // prettier-ignore
      ),
    );
  return join([fragment(fragment(0).length + 8), payload]);
}

/** @returns {Uint8Array} no duration: players take it for live, and hold no pictures back */
function movieHeader() {
  return fullBox("mvhd", 0, zeros(8), u32(TIMESCALE), u32(0), u32(0x10000), u16(0x100), zeros(10), ...UNITY, zeros(24), u32(2));
}

/** @param {Bytes} entry of the sample description @param {Bytes[]} size */
function track(entry, [width, height]) {
  const tables = ["stts", "stsc", "stco"].map((type) => fullBox(type, 0, u32(0)));
  return box(
    "trak",
    fullBox("tkhd", 3, zeros(8), u32(TRACK), zeros(24), ...UNITY, width, u16(0), height, u16(0)),
    box(
      "mdia",
      fullBox("mdhd", 0, zeros(8), u32(TIMESCALE), u32(0), u16(0x55c4), u16(0)), // language: undetermined
      fullBox("hdlr", 0, u32(0), ascii("vide"), zeros(13)),
      box(
        "minf",
        fullBox("vmhd", 1, zeros(8)),
        box("dinf", fullBox("dref", 0, u32(1), fullBox("url ", 1))),
        box("stbl", fullBox("stsd", 0, u32(1), entry), ...tables, fullBox("stsz", 0, u32(0), u32(0))),
      ),
    ),
  );
}
