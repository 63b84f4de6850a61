const DIM = "rgb(0 0 0 / 60%)";
const LINES = 12; // of text that fill the picture's height

/** Shows the picture in the browser's small window, which stays visible over other pages. */
export class PictureInPicture {
  #source;
  /** @type {HTMLCanvasElement | null} shown in the window: the source, and the page's words about it */
  #canvas = null;
  #button;
  #shown = false;
  /** @type {HTMLVideoElement | null} */
  #video = null;

  /**
   * @param {HTMLCanvasElement} source
   * @param {HTMLButtonElement} button hidden where the browser has no such window
   */
  constructor(source, button) {
    this.#source = source;
    this.#button = button;
    button.hidden = !(document.pictureInPictureEnabled && source.captureStream);
    button.addEventListener("click", () => this.toggle());
  }

  get isShown() {
    return this.#shown;
  }

  async toggle() {
    if (this.#video) {
      this.leave();
      return;
    }
    const video = (this.#video = document.createElement("video"));
    this.#canvas = document.createElement("canvas");
    this.draw([]);
    video.muted = video.playsInline = true;
    video.srcObject = this.#canvas.captureStream();
    video.addEventListener("leavepictureinpicture", () => this.#end(video));
    try {
      await video.play();
      await video.requestPictureInPicture();
      if (this.#video === video) this.#show(true);
      else await document.exitPictureInPicture(); // closed meanwhile
    } catch {
      this.#end(video); // refused by the browser or the user
    }
  }

  /** @param {string[]} lines over a picture that is not live: nothing else in the window tells that it is old */
  draw(lines) {
    if (!this.#canvas) return;
    const { width, height } = this.#source;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { alpha: false }));
    context.drawImage(this.#source, 0, 0);
    if (!lines.length) return;
    context.fillStyle = DIM;
    context.fillRect(0, 0, width, height);
    const lineHeight = height / LINES;
    Object.assign(context, { fillStyle: "#fff", font: `600 ${0.75 * lineHeight}px sans-serif`, textAlign: "center" });
    lines.forEach((text, index) => context.fillText(text, width / 2, height / 2 + index * lineHeight, 0.9 * width));
  }

  leave() {
    const video = this.#video;
    if (!video) return;
    if (document.pictureInPictureElement === video) document.exitPictureInPicture().catch(() => {});
    this.#end(video);
  }

  /** @param {HTMLVideoElement} video */
  #end(video) {
    const { srcObject: stream } = video;
    if (stream instanceof MediaStream) for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    if (this.#video !== video) return;
    this.#video = this.#canvas = null;
    this.#show(false);
  }

  /** @param {boolean} shown */
  #show(shown) {
    this.#button.setAttribute("aria-pressed", String(shown));
    this.#shown = shown;
  }
}
