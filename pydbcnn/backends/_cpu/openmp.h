/* Whether the compiler has OpenMP: no other file asks.  Without it, everything runs on
 * one thread. */
#ifndef PYDBCNN_OPENMP_H
#define PYDBCNN_OPENMP_H

#ifdef _OPENMP
#include <omp.h>
enum { PYDBCNN_OPENMP = 1 };
#else
enum { PYDBCNN_OPENMP = 0 };
static inline int omp_get_max_threads(void)
{
    return 1;
}
#endif

#endif
