"""The page that is shown before torch and the model are loaded."""
