"""Images through a trained model."""
