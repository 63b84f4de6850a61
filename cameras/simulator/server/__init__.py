"""How does the camera simulator send a picture?

It serves RTSP and HTTP on one port. Each camera can imitate a fault, such as silence or a refused connection.
"""
