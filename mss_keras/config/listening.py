"""What a listening test is made of."""

# Stimuli that every trial has besides those of the systems, and the ends of each scale.
STIMULI = ("reference", "anchor", "mixture")
SCALES = {"mushra": (0, 100), "mos": (1, 5)}
