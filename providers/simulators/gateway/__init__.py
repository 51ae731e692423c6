"""A simulated gateway: the plain HTTP service a customer runs in front of a carrier."""
