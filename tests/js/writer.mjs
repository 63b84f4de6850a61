/** Writes bits in the syntax of H.264 and H.265. */
export class Writer {
  bits = "";

  /** @param {number} value @param {number} count */
  fixed(value, count) {
    this.bits += value.toString(2).padStart(count, "0");
    return this;
  }

  /** @param {number[]} values */
  unsigned(...values) {
    for (const value of values) this.fixed(value + 1, 2 * (value + 1).toString(2).length - 1);
    return this;
  }

  /** @param {number[]} values */
  signed(...values) {
    for (const value of values) this.unsigned(value > 0 ? 2 * value - 1 : -2 * value);
    return this;
  }

  get hex() {
    const bits = `${this.bits}1`;
    return bits.padEnd(Math.ceil(bits.length / 8) * 8, "0").replace(/.{8}/g, (byte) => parseInt(byte, 2).toString(16).padStart(2, "0"));
  }
}
