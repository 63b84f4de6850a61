/**
 * Reads the colors of a camera's H.264 or H.265 from its sequence parameter set.
 * Without them, Chromium treats all Annex B as BT.709 with values from 16 to 235. Many cameras use the full range:
 * their shadows and highlights would be lost.
 */

import { syntaxOf } from "./syntax.js";

/** @import { Description } from "./sps.js" */

const BT2020 = /** @type {VideoMatrixCoefficients} */ (/** @type {string} */ ("bt2020-ncl")); // tsc does not know it yet
/** @type {Record<number, VideoMatrixCoefficients>} */
const MATRICES = { 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: BT2020 }; // matrix_coefficients
// Lines. Video with an unspecified matrix uses BT.709 from this height on; below it, or with full range, it uses JPEG's.
// Chromium and streaming/ingest/pictures.py have the same rule.
const HD = 720;

/**
 * @param {Pick<Description, "lines" | "fullRange" | "matrix">} description
 * @returns {number} matrix_coefficients
 */
export function matrixOf({ lines, fullRange, matrix }) {
  if (matrix in MATRICES) return matrix;
  return lines >= HD && !fullRange ? 1 : 6;
}

/**
 * @param {Uint8Array} keyframe in Annex B
 * @param {number} kind of FrameKind
 * @returns {VideoColorSpaceInit}
 */
export function colorSpaceOf(keyframe, kind) {
  const description = syntaxOf(kind).describe(keyframe);
  const { fullRange } = description;
  return { primaries: "bt709", transfer: "bt709", matrix: MATRICES[matrixOf(description)], fullRange };
}
