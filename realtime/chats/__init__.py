"""Chats: the list, private chats, what is on the screen."""
