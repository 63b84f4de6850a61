// Starts rtsp-relay as its README does, on loopback. Arguments: the port, the camera's address.
const [port, url] = process.argv.slice(2);
const app = require("express")();
const { proxy } = require("rtsp-relay")(app);
app.ws("/stream", proxy({ url, transport: "tcp", useNativeFFmpeg: true }));
app.listen(Number(port), "127.0.0.1");
