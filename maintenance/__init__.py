"""Work in the background: what is removed after its time."""
