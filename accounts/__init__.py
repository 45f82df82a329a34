"""Who somebody is: codes, tokens, sessions, profile, deletion, export. Rules and changes, no HTTP."""
