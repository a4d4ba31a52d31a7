"""Products of matrices that have the same bits for any number of threads.

Libraries of linear algebra share a large product out among threads, and sums then
depend on their number. Products this small, none shares out: OpenBLAS does so above
262144 multiplications.
"""

import numpy as np

_LARGEST = 2**18


def gram(columns, weights):
    """The weighted sums of products of all pairs of columns.

    Parameters
    ----------
    columns : array of shape (n, k)
    weights : array of shape (n,)

    Returns
    -------
    gram : array of shape (k, k)
    """
    n_columns = columns.shape[1]
    step = max(1, _LARGEST // n_columns**2)
    total = np.zeros((n_columns, n_columns))
    for start in range(0, len(columns), step):
        part = columns[start : start + step]
        total += (part * weights[start : start + step, np.newaxis]).T @ part
    return total


def rows_times(rows, matrix):
    """The product of an array of rows and a matrix.

    Parameters
    ----------
    rows : array of shape (m, n)
    matrix : array of shape (n, k)

    Returns
    -------
    product : array of shape (m, k)
    """
    n_rows, n_columns = len(rows), matrix.shape[1]
    step = max(1, _LARGEST // (n_rows * n_columns))
    if step < 32:  # too many rows at once: products as thin as that are slow
        half = n_rows // 2
        return np.concatenate(
            [rows_times(rows[:half], matrix), rows_times(rows[half:], matrix)]
        )
    total = np.zeros((n_rows, n_columns))
    for start in range(0, len(matrix), step):
        total += rows[:, start : start + step] @ matrix[start : start + step]
    return total
