"""From pairs of blurred and sharp images to a trained model."""
