/**
 * The colors of a camera's H.264, as WebCodecs wants to be told them: without that, Chromium takes all Annex B for BT.709
 * with values from 16 to 235, whatever it says of itself, and shows the full range of many cameras without its shades.
 * From the sequence parameter set (ITU-T H.264, 7.3.2.1.1 and E.1.1).
 */

const SPS = 7; // nal_unit_type
const SLICES = [1, 5]; // what comes before them is near the start
const WITH_CHROMA = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]; // profile_idc
const SAMPLE_ASPECT_RATIO_GIVEN = 255;
const MATRICES = { 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020-ncl" }; // matrix_coefficients
// Lines from which on video of 16 to 235 that says nothing of its colors has those of BT.709; with all values it has JPEG's.
// As Chromium has it, and streaming/ingest/pictures.py.
const HD = 720;

/**
 * @param {Uint8Array} picture a key picture in Annex B
 * @returns {VideoColorSpaceInit}
 */
export function colorSpaceOf(picture) {
  const { lines, fullRange, matrix } = read(picture);
  return {
    primaries: "bt709",
    transfer: "bt709",
    matrix: MATRICES[matrix] ?? (lines >= HD && !fullRange ? "bt709" : "smpte170m"),
    fullRange,
  };
}

/** What is not there, or cannot be read, is as if it were not said. */
function read(picture) {
  const said = { lines: HD, fullRange: false, matrix: undefined };
  const sps = parameterSet(picture);
  if (!sps) return said;
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
  said.lines = 16 * units * (2 - frames);
  if (!frames) bits.take(1);
  bits.take(1);
  if (bits.take(1)) for (let side = 0; side < 4; side += 1) bits.unsigned(); // cropping
  if (bits.take(1)) readUsability(bits, said);
  return said;
}

/** Video usability information, as far as the colors. */
function readUsability(bits, said) {
  if (bits.take(1) && bits.take(8) === SAMPLE_ASPECT_RATIO_GIVEN) bits.take(32);
  if (bits.take(1)) bits.take(1); // overscan
  if (!bits.take(1)) return;
  bits.take(3); // video_format
  said.fullRange = Boolean(bits.take(1));
  if (!bits.take(1)) return;
  bits.take(16); // primaries and transfer
  said.matrix = bits.take(8);
}

function skipChroma(bits) {
  const format = bits.unsigned();
  if (format === 3) bits.take(1);
  bits.unsigned(); // depths
  bits.unsigned();
  bits.take(1);
  if (!bits.take(1)) return;
  for (let list = 0; list < (format === 3 ? 12 : 8); list += 1) if (bits.take(1)) skipScaling(bits, list < 6 ? 16 : 64);
}

function skipScaling(bits, size) {
  for (let last = 8, at = 0; at < size; at += 1) {
    last = (last + bits.signed() + 256) % 256;
    if (last === 0) return; // the rest is as the last one was
  }
}

/** How the order of pictures is told. */
function skipOrder(bits) {
  const kind = bits.unsigned();
  if (kind === 0) bits.unsigned();
  if (kind !== 1) return;
  bits.take(1);
  bits.signed();
  bits.signed();
  for (let left = bits.unsigned(); left > 0 && !bits.over; left -= 1) bits.signed();
}

/** @returns {number[] | null} the set without its first byte and without what keeps start codes out of it */
function parameterSet(picture) {
  for (let at = 0; at + 3 < picture.length; at += 1) {
    if (picture[at] !== 0 || picture[at + 1] !== 0 || picture[at + 2] !== 1) continue;
    const type = picture[at + 3] & 0x1f;
    if (SLICES.includes(type)) return null;
    if (type === SPS) return unescaped(picture, at + 4);
  }
  return null;
}

function unescaped(picture, start) {
  const bytes = [];
  for (let at = start, zeros = 0; at < picture.length; at += 1) {
    const byte = picture[at];
    if (zeros >= 2 && byte <= 1) break; // the next start code
    if (!(zeros >= 2 && byte === 3)) bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return bytes;
}

/** Bits, the first one highest; zeros where there are no more. */
class Bits {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get over() {
    return this.#at >= 8 * this.#bytes.length;
  }

  take(count) {
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      const byte = this.#bytes[this.#at >> 3] ?? 0;
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1);
      this.#at += 1;
    }
    return value;
  }

  /** Exp-Golomb coded (9.1). */
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
