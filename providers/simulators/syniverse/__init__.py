"""The simulated Syniverse SCG API (`docs/simulators.md`)."""
