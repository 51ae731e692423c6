"""The producer's half of Trunkline and the owner of its wire contract."""
