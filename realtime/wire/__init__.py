"""How actions and events travel: declarations, strict fields, dispatch, acks, cursors, effects. No chat logic."""
