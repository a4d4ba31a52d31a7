"""What happens to photographs: one transformer a module, and what they share."""
