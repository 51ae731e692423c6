"""The command line `trunkline`: one module per command, thin over the packages below."""
