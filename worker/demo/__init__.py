"""`trunkline demo`: the whole of Trunkline on one machine, checked against the providers' ledger (`docs/demo.md`)."""
