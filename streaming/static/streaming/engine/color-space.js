/**
 * Reads the colors of a camera's H.264 from its sequence parameter set (ITU-T H.264, 7.3.2.1.1 and E.1.1).
 * Without them, Chromium treats all Annex B as BT.709 with values from 16 to 235. Many cameras use the full range:
 * their shadows and highlights would be lost.
 */

const SPS = 7; // nal_unit_type
const SLICES = [1, 5]; // parameter sets stand before the first slice
const WITH_CHROMA = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]; // profile_idc
const UNSPECIFIED = 2; // matrix_coefficients
const SAMPLE_ASPECT_RATIO_GIVEN = 255;
const BT2020 = /** @type {VideoMatrixCoefficients} */ (/** @type {string} */ ("bt2020-ncl")); // tsc does not know it yet
/** @type {Record<number, VideoMatrixCoefficients>} */
const MATRICES = { 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: BT2020 }; // matrix_coefficients
// Lines. Video with an unspecified matrix uses BT.709 from this height on; below it, or with full range, it uses JPEG's.
// Chromium and streaming/ingest/pictures.py have the same rule.
const HD = 720;

/** @typedef {{lines: number, fullRange: boolean, matrix: number}} Description `matrix`: matrix_coefficients */

/**
 * @param {Uint8Array} keyframe in Annex B
 * @returns {VideoColorSpaceInit}
 */
export function colorSpaceOf(keyframe) {
  const { lines, fullRange, matrix } = read(keyframe);
  return {
    primaries: "bt709",
    transfer: "bt709",
    matrix: MATRICES[matrix] ?? (lines >= HD && !fullRange ? "bt709" : "smpte170m"),
    fullRange,
  };
}

/**
 * A value that is missing or cannot be read counts as unspecified.
 * @param {Uint8Array} keyframe
 * @returns {Description}
 */
function read(keyframe) {
  const description = { lines: HD, fullRange: false, matrix: UNSPECIFIED };
  const sps = parameterSet(keyframe);
  if (!sps) return description;
  const bits = new Bits(sps);
  const profile = bits.take(8);
  bits.take(16);
  bits.unsigned();
  if (WITH_CHROMA.includes(profile)) skipChroma(bits);
  bits.unsigned(); // log2_max_frame_num
  skipOrder(bits);
  bits.unsigned(); // max_num_ref_frames
  bits.take(1);
  bits.unsigned(); // width
  const units = bits.unsigned() + 1;
  const frames = bits.take(1);
  description.lines = 16 * units * (2 - frames);
  if (!frames) bits.take(1);
  bits.take(1);
  if (bits.take(1)) for (let side = 0; side < 4; side += 1) bits.unsigned(); // cropping
  if (bits.take(1)) readUsability(bits, description);
  return description;
}

/**
 * Reads the video usability information, up to the colors.
 * @param {Bits} bits
 * @param {Description} description
 */
function readUsability(bits, description) {
  if (bits.take(1) && bits.take(8) === SAMPLE_ASPECT_RATIO_GIVEN) bits.take(32);
  if (bits.take(1)) bits.take(1); // overscan
  if (!bits.take(1)) return;
  bits.take(3); // video_format
  description.fullRange = Boolean(bits.take(1));
  if (!bits.take(1)) return;
  bits.take(16); // primaries and transfer
  description.matrix = bits.take(8);
}

/** @param {Bits} bits */
function skipChroma(bits) {
  const format = bits.unsigned();
  if (format === 3) bits.take(1);
  bits.unsigned(); // depths
  bits.unsigned();
  bits.take(1);
  if (!bits.take(1)) return;
  for (let list = 0; list < (format === 3 ? 12 : 8); list += 1) if (bits.take(1)) skipScaling(bits, list < 6 ? 16 : 64);
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
  for (let at = 0; at + 3 < keyframe.length; at += 1) {
    if (keyframe[at] !== 0 || keyframe[at + 1] !== 0 || keyframe[at + 2] !== 1) continue;
    const type = keyframe[at + 3] & 0x1f;
    if (SLICES.includes(type)) return null;
    if (type === SPS) return unescaped(keyframe, at + 4);
  }
  return null;
}

/** @param {Uint8Array} keyframe @param {number} start */
function unescaped(keyframe, start) {
  const bytes = [];
  for (let at = start, zeros = 0; at < keyframe.length; at += 1) {
    const byte = keyframe[at];
    if (zeros >= 2 && byte <= 1) break; // the next start code
    if (!(zeros >= 2 && byte === 3)) bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return bytes;
}

/** Reads bits, most significant first. Returns zeros after the end. */
class Bits {
  #bytes;
  #at = 0;

  /** @param {number[]} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** Whether the end is reached. */
  get over() {
    return this.#at >= 8 * this.#bytes.length;
  }

  /** @param {number} count @returns {number} */
  take(count) {
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      const byte = this.#bytes[this.#at >> 3] ?? 0;
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  /** Reads an Exp-Golomb code (9.1). */
  unsigned() {
    let zeros = 0;
    while (zeros < 32 && !this.take(1)) zeros += 1;
    return 2 ** zeros - 1 + this.take(zeros);
  }

  signed() {
    const code = this.unsigned();
    return code % 2 ? (code + 1) / 2 : -code / 2;
  }
}
