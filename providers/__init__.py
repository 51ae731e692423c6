"""How to talk: one module per provider, faults, and the simulated providers."""
