import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { hostOf, splitCredentials } from "../../streaming/static/streaming/admin/credentials.js";

/** @type {[string, string, string, string][]} */
const PASTED = JSON.parse(readFileSync(new URL("../cameras/pasted_addresses.json", import.meta.url), "utf8"));

test("the page splits a pasted address as the server does", () => {
  for (const [address, url, username, password] of PASTED) {
    assert.deepEqual(splitCredentials(address), { url, username, password }, address);
  }
});

test("the host of an address, or of a host alone, is found", () => {
  const hosts = {
    "192.0.2.7": "192.0.2.7",
    " camera:554 ": "camera",
    "rtsp://ada:s3cret@camera:554/live": "camera",
    "rtsp://[::1]:554/live": "[::1]",
    "": "",
    "two words": "",
    "rtsp://": "",
  };
  for (const [typed, host] of Object.entries(hosts)) assert.equal(hostOf(typed), host, typed);
});
