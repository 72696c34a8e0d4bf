"""The main job, played by each of its people in turn over HTTP, as `./dev rehearse` runs it."""
