"""What `trunkline doctor` looks at: facts are gathered in one place, and pure rules say what is wrong with them."""
