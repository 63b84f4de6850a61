import { CameraStreams } from "../engine/camera-streams.js";
import { State } from "../engine/states.js";
import { Traffic, measureLink, shownAsJpeg } from "../engine/traffic.js";
import { Viewer } from "../engine/viewer.js";
import { snapshotPath } from "../shared/protocol.js";
import { QualityChoice } from "./quality-choice.js";
import { qualityLabel } from "./quality-words.js";
import { NEEDS_HTTPS, VIDEO_FAILED } from "./texts.js";
import { VideoFailures } from "./video-failures.js";

/** @import { Camera, Format, Quality, Reason } from "../shared/protocol.js" */
/** @import { Openings } from "../engine/openings.js" */
/** @import { VideoSupport } from "../engine/video-support.js" */
/** @import { Choice } from "./quality-choice.js" */

/**
 * @typedef {object} ViewingListener
 * @property {(picture: ImageBitmap | VideoFrame) => void} paint the listener owns the picture and closes it
 * @property {() => void} onPicture
 * @property {() => void} onChange the state or the quality has changed
 * @property {(quality: Quality, reason: Reason) => void} onQualityKept the server has no room for another quality
 * @property {() => void} onTurn the slot that the viewer waited for has come
 * @property {() => boolean} seenElsewhere whether the picture is visible although the page is hidden
 */

/** A viewer of one camera, and the quality to ask for: by the user's choice and by how the pictures arrive. */
export class Viewing {
  camera;
  viewer;
  #traffic;
  #support;
  #failures;
  #choice;
  #listener;
  #gaps = 0; // already observed

  /**
   * @param {Camera} camera
   * @param {{choice: Choice, video: VideoSupport | null, pixels: () => number, wall: Openings | null, replaces?: string | null}} options
   *   `video`: what plays a camera's own video in this browser; `pixels`: the width of the picture on the screen;
   *   `wall`: of a tile; `replaces`: id of a viewing of this user, whose slot this one takes
   * @param {ViewingListener} listener
   */
  constructor(camera, { choice, video, pixels, wall, replaces }, listener) {
    const streams = new CameraStreams(camera.substream);
    const traffic = (this.#traffic = new Traffic(streams));
    const measure = () => measureLink(snapshotPath(camera.id, "medium"), traffic);
    this.camera = camera;
    this.#listener = listener;
    this.#support = video;
    this.#failures = new VideoFailures(camera.id, video?.by ?? null);
    const [playsVideo, failures] = [video !== null, this.#failures];
    this.#choice = new QualityChoice({ choice, playsVideo, streams, failures, pixels, traffic, measure });
    this.viewer = new Viewer(
      { cameraId: camera.id, quality: this.#choice.quality, video, traffic, wall, replaces },
      {
        paint: (picture) => listener.paint(picture),
        onPicture: () => this.#onPicture(),
        onChange: () => listener.onChange(),
        onQualityKept: ({ quality, reason }) => reason && this.#onQualityKept(quality, reason),
        onVideoFailure: (quality, format) => this.#onVideoFailure(quality, format),
        onTurn: () => listener.onTurn(),
        seenElsewhere: () => listener.seenElsewhere(),
      },
    );
  }

  /** Why the camera's own video is not shown in this browser; empty: it is, or can be. */
  get note() {
    return this.viewer.quality === "sub" ? this.noteOf("sub") : this.noteOf("original");
  }

  /**
   * @param {Quality} quality a stream of the camera
   * @returns {string} why it is not shown as video in this browser; empty: it can be
   */
  noteOf(quality) {
    if (this.#failures.isRecent(quality)) return VIDEO_FAILED;
    const isH264 = (this.#traffic.streams.of(quality)?.codec ?? "h264") === "h264"; // HTTPS would bring nothing else
    return this.#support || window.isSecureContext || !isH264 ? "" : NEEDS_HTTPS;
  }

  get hasSubstream() {
    return this.#traffic.streams.hasSubstream;
  }

  /** @param {Quality} quality @returns {string} its name, what it shows and what it takes */
  label(quality) {
    const own = this.#traffic.streams.of(quality === "sub" ? "sub" : "original");
    if (!this.#choice.plays(quality)) {
      return qualityLabel(quality, { ...shownAsJpeg(quality, own), kbps: this.#traffic.needAsJpeg(quality), isJpeg: true });
    }
    const { width = 0, height = 0, frames_per_second: framesPerSecond = 0 } = own ?? {};
    return qualityLabel(quality, { width, height, framesPerSecond, kbps: own?.kbps || this.#traffic.need(quality), isJpeg: false });
  }

  /** @param {Choice} choice */
  choose(choice) {
    this.#choice.choose(choice);
    this.applyQuality();
  }

  /** @param {Choice} choice for another size on the screen: not a choice of the user */
  resize(choice) {
    this.#choice.choice = choice;
    this.restart();
    this.applyQuality();
  }

  /** Asks the server for the present quality, if it is another one. */
  applyQuality() {
    const { quality } = this.#choice;
    if (this.viewer.wanted !== quality) this.viewer.setQuality(quality);
  }

  /** The live picture was interrupted: earlier observations no longer count. */
  restart() {
    this.#choice.restart();
  }

  #onPicture() {
    const { picture, quality, figures, age, status } = this.viewer;
    if (picture?.kind === "live" && status.state === State.LIVE && age !== null) {
      const gap = figures.gaps > this.#gaps;
      this.#gaps = figures.gaps;
      this.#choice.observe({ age, gap, quality, format: figures.format });
      this.applyQuality();
    }
    this.#listener.onPicture();
  }

  /** @param {Quality} quality @param {Format} format */
  #onVideoFailure(quality, format) {
    this.#choice.videoFailed(quality, format);
    this.applyQuality();
  }

  /** @param {Quality} quality @param {Reason} reason */
  #onQualityKept(quality, reason) {
    this.#choice.kept(quality);
    this.applyQuality();
    this.#listener.onQualityKept(quality, reason);
  }
}
