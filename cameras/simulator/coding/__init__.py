"""How does the camera simulator encode a picture?

It encodes H.264, H.265 and JPEG, and splits the result into NAL units and RTP payloads.
"""
