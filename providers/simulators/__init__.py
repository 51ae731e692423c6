"""Simulated Twilio and Syniverse: one server on loopback (`docs/simulators.md`)."""
