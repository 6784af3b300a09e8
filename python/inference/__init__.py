"""Running an engine over crops: configuration, schedule, embedding, timing."""
