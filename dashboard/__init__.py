"""The browser's view of the attribution core. No mathematics here."""
