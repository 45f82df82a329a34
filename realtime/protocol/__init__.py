"""What an action and an event are: declarations, payloads, the dispatch pipeline, the documents that follow from them."""
