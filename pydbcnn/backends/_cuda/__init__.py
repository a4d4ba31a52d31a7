"""What the GPU engine, `pydbcnn.backends.cuda`, is made of."""
