"""How blurred an image is: statistics of it, and networks that read them."""
