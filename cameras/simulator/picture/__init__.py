"""What does a simulated camera show?

A drawn scene or a video file. Black and white blocks along the top, the clock strip, tell programs when it was drawn.
"""
