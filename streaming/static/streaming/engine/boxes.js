/** Writes the boxes of MP4 (ISO/IEC 14496-12). */

/** @typedef {readonly number[] | Uint8Array} Bytes */

/** @param {string} type @param {Bytes[]} parts */
export function box(type, ...parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return join([u32(size), ascii(type), ...parts]);
}

/** @param {string} type @param {number} versionAndFlags @param {Bytes[]} parts */
export function fullBox(type, versionAndFlags, ...parts) {
  return box(type, u32(versionAndFlags), ...parts);
}

/** @param {readonly Bytes[]} parts */
export function join(parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** @param {string} text */
export function ascii(text) {
  return [...text].map((character) => character.charCodeAt(0));
}

/** @param {number} count */
export function zeros(count) {
  return new Uint8Array(count);
}

/** @param {number} value */
export function u16(value) {
  return [value >> 8, value & 0xff];
}

/** @param {number} value also negative: as two's complement */
export function u32(value) {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
