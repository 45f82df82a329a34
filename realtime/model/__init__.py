"""The objects and events of the contract, and the rules that several concepts share."""
