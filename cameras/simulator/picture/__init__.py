"""What does a simulated camera show? A drawn scene or a clip, with a clock strip that holds the picture's time."""
