/** One viewing in a fake browser, new for each test. Time stands still until a test moves it. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";

import { State } from "../../streaming/static/streaming/engine/states.js";
import { Viewer } from "../../streaming/static/streaming/engine/viewer.js";
import { FakeBrowser, listening, settle } from "./fakes.mjs";

/** @import { Quality } from "../../streaming/static/streaming/shared/protocol.js" */
/** @import { ViewerListener } from "../../streaming/static/streaming/engine/viewer.js" */

export const INFO = { type: "info", quality: "medium", in_use: 1, limit: 10, server_time: 0 };

/** @type {FakeBrowser} */
export let browser;
/** @type {Viewer} */
export let viewer;
/** @type {unknown[]} */
export let painted;
/** @type {Partial<ViewerListener>} */
let heard;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  browser = new FakeBrowser();
});

afterEach(() => {
  viewer.close();
  mock.timers.reset();
});

/** @param {Quality | null} [quality] */
export function open(quality = null) {
  [painted, heard] = [[], {}];
  const listener = listening({
    paint: (bitmap) => painted.push(bitmap),
    onPicture: () => heard.onPicture?.(),
    onQualityKept: (message) => heard.onQualityKept?.(message),
    onTurn: () => heard.onTurn?.(),
  });
  viewer = new Viewer({ cameraId: "cam", quality }, listener, browser.environment);
  viewer.open();
}

/**
 * From now on, the open viewer tells this listener.
 * @param {Pick<Partial<ViewerListener>, "onPicture" | "onQualityKept" | "onTurn">} listener
 */
export function listenTo(listener) {
  heard = listener;
}

/** Opens a viewer and shows it one live picture. */
export async function goLive() {
  open();
  browser.socket.accept();
  browser.socket.say(INFO);
  browser.socket.sendFrame({ seq: 1 });
  await settle();
  assert.equal(viewer.status.state, State.LIVE);
}

/** Time passes while the server answers pings. @param {number} milliseconds */
export function passAnswered(milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 1_000) {
    mock.timers.tick(1_000);
    browser.socket.say({ type: "pong", time: Date.now(), server_time: Date.now() });
  }
}
