"""How is a picture encoded? H.264, H.265 and JPEG, NAL units and RTP payloads."""
