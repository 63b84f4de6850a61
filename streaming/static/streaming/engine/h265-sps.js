/** Reads the sequence parameter set of H.265 (ITU-T H.265, 7.3.2.2). */

import { UnitOfH265, typeOfH265, unitsOf } from "./annex-b.js";
import { Bits, unescaped } from "./bits.js";
import { HD_LINES, SUBSAMPLED, UNSPECIFIED, readUsability } from "./sps.js";

/** @import { Description } from "./sps.js" */

/**
 * The facts at the beginning of the set.
 * @typedef {object} General
 * @property {readonly number[]} profile the 12 bytes from general_profile_space to general_level_idc
 * @property {number} layers temporal ones
 * @property {number} nested sps_temporal_id_nesting_flag
 * @property {number} chroma chroma_format_idc
 * @property {number} lumaDepth bits
 * @property {number} chromaDepth bits
 * @property {number} width pixels, after cropping
 * @property {number} height pixels, after cropping
 * @property {number} lines before cropping
 */

const PROFILE_BYTES = 12;
const MOST_PICTURES = 16; // in a set of reference pictures

/**
 * Reads the set before the first slice. A value that is missing or cannot be read counts as unspecified.
 * @param {Uint8Array} keyframe in Annex B
 * @returns {Description}
 */
export function describeH265(keyframe) {
  const description = { width: 0, height: 0, lines: HD_LINES, fullRange: false, matrix: UNSPECIFIED };
  const sps = parameterSet(keyframe);
  if (!sps) return description;
  const bits = new Bits(sps);
  const { layers, width, height, lines } = readBeginning(bits);
  Object.assign(description, { width, height, lines });
  const orderBits = bits.unsigned() + 4;
  for (let left = bits.take(1) ? layers : 1; left > 0; left -= 1) skipUnsigned(bits, 3); // sizes of the decoder's buffer
  skipUnsigned(bits, 6); // sizes of blocks
  if (bits.take(1) && bits.take(1)) skipScaling(bits);
  bits.take(2);
  if (bits.take(1)) skipUncompressed(bits);
  skipReferences(bits);
  if (bits.take(1)) for (let left = bits.unsigned(); left > 0 && !bits.over; left -= 1) bits.take(orderBits + 1);
  bits.take(2);
  if (bits.take(1)) readUsability(bits, description);
  return description;
}

/** @param {Uint8Array} keyframe in Annex B, with its parameter sets @returns {General} */
export function readGeneral(keyframe) {
  return readBeginning(new Bits(parameterSet(keyframe) ?? []));
}

/** @param {Bits} bits @returns {General} */
function readBeginning(bits) {
  bits.take(4);
  const layers = bits.take(3) + 1;
  const nested = bits.take(1);
  const profile = Array.from({ length: PROFILE_BYTES }, () => bits.take(8));
  skipLayers(bits, layers - 1);
  bits.unsigned();
  const chroma = bits.unsigned();
  if (chroma === 3) bits.take(1);
  const [columns, lines] = [bits.unsigned(), bits.unsigned()];
  const [left, right, top, bottom] = bits.take(1) ? [0, 0, 0, 0].map(() => bits.unsigned()) : [0, 0, 0, 0];
  const [across, down] = SUBSAMPLED[chroma] ?? [1, 1];
  const [width, height] = [columns - (left + right) * across, lines - (top + bottom) * down];
  const [lumaDepth, chromaDepth] = [bits.unsigned() + 8, bits.unsigned() + 8];
  return { profile, layers, nested, chroma, lumaDepth, chromaDepth, width, height, lines };
}

/** @param {Bits} bits @param {number} count of layers below the highest one */
function skipLayers(bits, count) {
  if (!count) return;
  const present = Array.from({ length: 8 }, () => [bits.take(1), bits.take(1)]); // profile and level
  for (const [profile, level] of present.slice(0, count)) {
    if (profile) bits.take(88);
    if (level) bits.take(8);
  }
}

/** @param {Bits} bits */
function skipScaling(bits) {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!bits.take(1)) bits.unsigned();
      else skipUnsigned(bits, Math.min(64, 16 << (2 * size)) + (size > 1 ? 1 : 0));
    }
  }
}

/** @param {Bits} bits */
function skipUncompressed(bits) {
  bits.take(8);
  skipUnsigned(bits, 2);
  bits.take(1);
}

/**
 * Skips the sets of reference pictures (7.3.7). The length of a predicted set depends on the one before (7.4.8).
 * @param {Bits} bits
 */
function skipReferences(bits) {
  /** @type {number[]} distances from the picture in the order of coding: the past, then the future, the nearest ones first */
  let set = [];
  for (let index = 0, count = bits.unsigned(); index < count && !bits.over; index += 1) {
    set = index > 0 && bits.take(1) ? readPredicted(bits, set) : readDistances(bits);
  }
}

/** @param {Bits} bits */
function readDistances(bits) {
  const distances = [];
  for (const [sign, count] of [[-1, bits.unsigned()], [1, bits.unsigned()]]) {
    let distance = 0;
    for (let left = Math.min(count, MOST_PICTURES); left > 0; left -= 1) {
      distance += sign * (bits.unsigned() + 1);
      bits.take(1);
      distances.push(distance);
    }
  }
  return distances;
}

/** @param {Bits} bits @param {number[]} before */
function readPredicted(bits, before) {
  const sign = bits.take(1) ? -1 : 1;
  const shift = sign * (bits.unsigned() + 1);
  const used = [...before, 0].filter(() => bits.take(1) || bits.take(1)); // by this picture, or by later ones
  const distances = used.map((distance) => distance + shift);
  const past = distances.filter((distance) => distance < 0).sort((one, other) => other - one);
  return [...past, ...distances.filter((distance) => distance > 0).sort((one, other) => one - other)];
}

/** @param {Bits} bits @param {number} count */
function skipUnsigned(bits, count) {
  for (let left = count; left > 0; left -= 1) bits.unsigned();
}

/**
 * @param {Uint8Array} keyframe
 * @returns {number[] | null} the sequence parameter set, without its header and without emulation prevention bytes
 */
function parameterSet(keyframe) {
  for (const unit of unitsOf(keyframe)) {
    if (typeOfH265(unit) === UnitOfH265.SPS) return unescaped(unit.subarray(2));
    if (typeOfH265(unit) < UnitOfH265.VPS) return null;
  }
  return null;
}
