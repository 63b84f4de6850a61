const DIM = "rgb(0 0 0 / 60%)";
const LINES = 12; // of words that the picture's height has room for

/** The picture in the browser's own small window, which stays in sight over other pages. */
export class PictureInPicture {
  #source;
  /** @type {HTMLCanvasElement | null} what the window shows: the source, and what the page says beside it */
  #canvas = null;
  #button;
  #onChange;
  /** @type {HTMLVideoElement | null} */
  #video = null;

  /**
   * @param {HTMLCanvasElement} source
   * @param {HTMLButtonElement} button hidden where the browser cannot
   * @param {(shown: boolean) => void} onChange
   */
  constructor(source, button, onChange) {
    this.#source = source;
    this.#button = button;
    this.#onChange = onChange;
    button.hidden = !(document.pictureInPictureEnabled && source.captureStream);
    button.addEventListener("click", () => this.toggle());
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
      else await document.exitPictureInPicture(); // left meanwhile
    } catch {
      this.#end(video); // refused by the browser or the user
    }
  }

  /** @param {string[]} words over a picture that is not live: nothing else in the window tells that it stands still */
  draw(words) {
    if (!this.#canvas) return;
    const { width, height } = this.#source;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const context = this.#canvas.getContext("2d", { alpha: false });
    context.drawImage(this.#source, 0, 0);
    if (!words.length) return;
    context.fillStyle = DIM;
    context.fillRect(0, 0, width, height);
    const line = height / LINES;
    Object.assign(context, { fillStyle: "#fff", font: `600 ${0.75 * line}px sans-serif`, textAlign: "center" });
    words.forEach((text, index) => context.fillText(text, width / 2, height / 2 + index * line, 0.9 * width));
  }

  leave() {
    const video = this.#video;
    if (!video) return;
    if (document.pictureInPictureElement === video) document.exitPictureInPicture().catch(() => {});
    this.#end(video);
  }

  #end(video) {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    if (this.#video !== video) return;
    this.#video = this.#canvas = null;
    this.#show(false);
  }

  #show(shown) {
    this.#button.setAttribute("aria-pressed", String(shown));
    this.#onChange(shown);
  }
}
