"""What long work needs, whatever it works on: files that appear whole, claims, processes."""
