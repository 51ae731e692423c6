"""The work on a job: contract, dispatch flow, journal and its scripts."""
