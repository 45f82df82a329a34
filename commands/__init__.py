"""The subcommands of molva, one module each."""
