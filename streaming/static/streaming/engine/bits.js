/** Reads the syntax of parameter sets (ITU-T H.264 and H.265, 7.2 and 9.1). */

/** @param {Uint8Array} unit @returns {number[]} without emulation prevention bytes */
export function unescaped(unit) {
  const bytes = [];
  let zeros = 0;
  for (const byte of unit) {
    if (!(zeros >= 2 && byte === 3)) bytes.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return bytes;
}

/** Reads bits, most significant first. Returns zeros after the end. */
export class Bits {
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
