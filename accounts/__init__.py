"""Accounts: codes, tokens, sessions, profiles, pictures, files, deletion, export. Rules and changes, no HTTP."""
