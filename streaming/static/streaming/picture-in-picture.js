/** The canvas in the browser's own small window, which stays in sight over other pages. */
export class PictureInPicture {
  #canvas;
  #button;
  #onChange;
  /** @type {HTMLVideoElement | null} */
  #video = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLButtonElement} button hidden where the browser cannot
   * @param {(shown: boolean) => void} onChange
   */
  constructor(canvas, button, onChange) {
    this.#canvas = canvas;
    this.#button = button;
    this.#onChange = onChange;
    button.hidden = !(document.pictureInPictureEnabled && canvas.captureStream);
    button.addEventListener("click", () => this.toggle());
  }

  async toggle() {
    if (this.#video) {
      this.leave();
      return;
    }
    const video = (this.#video = document.createElement("video"));
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
    this.#video = null;
    this.#show(false);
  }

  #show(shown) {
    this.#button.setAttribute("aria-pressed", String(shown));
    this.#onChange(shown);
  }
}
