"""Tables, CSV files and figures of what the rooms above have found."""
