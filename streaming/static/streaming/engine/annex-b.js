/** NAL units in a byte stream (ITU-T H.264, Annex B and 7.4.1; ITU-T H.265, Annex B and 7.4.2). */

/** nal_unit_type of H.264 */
export const Unit = Object.freeze({ SLICE: 1, IDR: 5, SPS: 7, PPS: 8, DELIMITER: 9 });

/** nal_unit_type of H.265; slices have lower ones */
export const UnitOfH265 = Object.freeze({ VPS: 32, SPS: 33, PPS: 34, DELIMITER: 35 });

/** @param {Uint8Array} unit of H.264 */
export const typeOf = (unit) => unit[0] & 0x1f;

/** @param {Uint8Array} unit of H.265 */
export const typeOfH265 = (unit) => (unit[0] >> 1) & 0x3f;

/**
 * Yields the units between the start codes, as views, without trailing zeros.
 * @param {Uint8Array} stream
 */
export function* unitsOf(stream) {
  let start = -1;
  for (let at = 0; at + 2 < stream.length; at += 1) {
    if (stream[at + 2] > 1 || stream[at] !== 0 || stream[at + 1] !== 0 || stream[at + 2] !== 1) continue;
    if (start >= 0) yield* trimmed(stream.subarray(start, at));
    start = at + 3;
    at += 2;
  }
  if (start >= 0) yield* trimmed(stream.subarray(start));
}

/** @param {Uint8Array} unit */
function* trimmed(unit) {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) end -= 1;
  if (end > 0) yield unit.subarray(0, end);
}
