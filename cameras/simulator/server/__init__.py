"""How is a picture sent? RTSP and HTTP on one port, and the simulated faults."""
