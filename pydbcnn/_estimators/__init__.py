"""The estimators that deblur, as scikit-learn knows them."""
