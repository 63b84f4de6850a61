"""How is a picture coded? H.264, H.265 and JPEG, their NAL units and RTP payloads."""
