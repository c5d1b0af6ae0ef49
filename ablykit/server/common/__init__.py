"""What all of the server stands on: time and names, what is due, what was counted, why a denial."""
