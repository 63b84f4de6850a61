"""How is it sent? RTSP and HTTP on one port, and every fault on demand."""
