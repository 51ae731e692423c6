"""The simulated Twilio REST API of 2010-04-01 and Messaging v1 (`docs/simulators.md`)."""
