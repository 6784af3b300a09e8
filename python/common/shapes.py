"""The shapes that the networks of the project share."""

# A crop has 3 x SIDE x SIDE pixels; every verification set that ArcFace is published with has.
SIDE = 112
# A crop is seen as it is and mirrored; the protocol adds up both embeddings.
VIEWS = 2
