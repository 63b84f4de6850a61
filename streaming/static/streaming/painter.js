/** Paints bitmaps on a canvas: only the newest one of each animation frame, and closes every one. */
export class Painter {
  #canvas;
  #context;
  /** @type {ImageBitmap | null} */
  #next = null;
  #requested = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  /** @param {ImageBitmap} bitmap belongs to the painter from now on */
  paint(bitmap) {
    this.#next?.close();
    this.#next = bitmap;
    this.#requested ||= requestAnimationFrame(() => this.#draw());
  }

  clear() {
    cancelAnimationFrame(this.#requested);
    this.#requested = 0;
    this.#next?.close();
    this.#next = null;
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #draw() {
    this.#requested = 0;
    const bitmap = this.#next;
    this.#next = null;
    if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
      this.#canvas.width = bitmap.width;
      this.#canvas.height = bitmap.height;
    }
    this.#context.drawImage(bitmap, 0, 0);
    bitmap.close();
  }
}
