"""What does a simulated camera see? Drawn scenes or a looped clip, and the clock strip that tells a picture's age."""
