import { Unit, typeOf, unitsOf } from "./annex-b.js";
import { Bits, unescaped } from "./bits.js";

const WITH_CHROMA = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]; // profile_idc
export const SUBSAMPLED = [[1, 1], [2, 2], [2, 1], [1, 1]]; // columns and rows of a chroma sample, by chroma_format_idc
export const UNSPECIFIED = 2; // matrix_coefficients
const SAMPLE_ASPECT_RATIO_GIVEN = 255;
export const HD_LINES = 720;

/**
 * The facts of a sequence parameter set (ITU-T H.264, 7.3.2.1.1 and E.1.1).
 * @typedef {object} Description
 * @property {number} width pixels, after cropping
 * @property {number} height pixels, after cropping
 * @property {number} lines before cropping
 * @property {boolean} fullRange
 * @property {number} matrix matrix_coefficients
 */

/**
 * Reads the sequence parameter set before the first slice. A value that is missing or cannot be read counts as unspecified.
 * @param {Uint8Array} keyframe in Annex B
 * @returns {Description}
 */
export function describe(keyframe) {
  const description = { width: 0, height: 0, lines: HD_LINES, fullRange: false, matrix: UNSPECIFIED };
  const sps = parameterSet(keyframe);
  if (!sps) return description;
  const bits = new Bits(sps);
  const profile = bits.take(8);
  bits.take(16);
  bits.unsigned();
  const chroma = WITH_CHROMA.includes(profile) ? skipChroma(bits) : 1;
  bits.unsigned(); // log2_max_frame_num
  skipOrder(bits);
  bits.unsigned(); // max_num_ref_frames
  bits.take(1);
  const columns = 16 * (bits.unsigned() + 1);
  const units = bits.unsigned() + 1;
  const fields = 2 - bits.take(1); // in a unit
  description.lines = 16 * units * fields;
  if (fields === 2) bits.take(1);
  bits.take(1);
  const [left, right, top, bottom] = bits.take(1) ? [0, 0, 0, 0].map(() => bits.unsigned()) : [0, 0, 0, 0];
  const [across, down] = SUBSAMPLED[chroma] ?? [1, 1];
  description.width = columns - (left + right) * across;
  description.height = description.lines - (top + bottom) * down * fields;
  if (bits.take(1)) readUsability(bits, description);
  return description;
}

/**
 * Reads the video usability information, up to the colors. H.265 begins it in the same way.
 * @param {Bits} bits
 * @param {Description} description
 */
export function readUsability(bits, description) {
  if (bits.take(1) && bits.take(8) === SAMPLE_ASPECT_RATIO_GIVEN) bits.take(32);
  if (bits.take(1)) bits.take(1); // overscan
  if (!bits.take(1)) return;
  bits.take(3); // video_format
  description.fullRange = Boolean(bits.take(1));
  if (!bits.take(1)) return;
  bits.take(16); // primaries and transfer
  description.matrix = bits.take(8);
}

/** @param {Bits} bits @returns {number} chroma_format_idc */
function skipChroma(bits) {
  const format = bits.unsigned();
  if (format === 3) bits.take(1);
  bits.unsigned(); // depths
  bits.unsigned();
  bits.take(1);
  const lists = bits.take(1) ? (format === 3 ? 12 : 8) : 0;
  for (let list = 0; list < lists; list += 1) if (bits.take(1)) skipScaling(bits, list < 6 ? 16 : 64);
  return format;
}

/** @param {Bits} bits @param {number} size */
function skipScaling(bits, size) {
  for (let last = 8, at = 0; at < size; at += 1) {
    last = (last + bits.signed() + 256) % 256;
    if (last === 0) return; // the last value holds for the rest
  }
}

/**
 * Skips the picture order count.
 * @param {Bits} bits
 */
function skipOrder(bits) {
  const kind = bits.unsigned();
  if (kind === 0) bits.unsigned();
  if (kind !== 1) return;
  bits.take(1);
  bits.signed();
  bits.signed();
  for (let left = bits.unsigned(); left > 0 && !bits.over; left -= 1) bits.signed();
}

/**
 * @param {Uint8Array} keyframe
 * @returns {number[] | null} the sequence parameter set, without its first byte and without emulation prevention bytes
 */
function parameterSet(keyframe) {
  for (const unit of unitsOf(keyframe)) {
    if (typeOf(unit) === Unit.SPS) return unescaped(unit.subarray(1));
    if (typeOf(unit) === Unit.SLICE || typeOf(unit) === Unit.IDR) return null;
  }
  return null;
}
