"""What is on screen before torch and the model are loaded."""
