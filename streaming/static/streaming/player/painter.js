/** Paints pictures on a canvas, the newest one in each animation frame, and closes all of them. */
export class Painter {
  #canvas;
  #context;
  /** @type {ImageBitmap | VideoFrame | null} */
  #next = null;
  #requested = 0;
  #onDrawn;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} onDrawn
   */
  constructor(canvas, onDrawn) {
    this.#canvas = canvas;
    this.#onDrawn = onDrawn;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  }

  /** @param {ImageBitmap | VideoFrame} picture the painter owns it from now on */
  paint(picture) {
    this.#next?.close();
    this.#next = picture;
    // A hidden page has no animation frames, but its canvas may be visible in picture in picture.
    if (document.visibilityState === "hidden") this.#draw();
    else this.#requested ||= requestAnimationFrame(() => this.#draw());
  }

  clear() {
    this.#cancel();
    this.#next?.close();
    this.#next = null;
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #cancel() {
    cancelAnimationFrame(this.#requested);
    this.#requested = 0;
  }

  #draw() {
    this.#cancel();
    const picture = this.#next;
    if (!picture) return;
    this.#next = null;
    const width = "displayWidth" in picture ? picture.displayWidth : picture.width;
    const height = "displayHeight" in picture ? picture.displayHeight : picture.height;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context.drawImage(picture, 0, 0, width, height);
    picture.close();
    this.#onDrawn();
  }
}
