/* Measures how much time of a tile each layer takes.  Only benchmarks and tests ask for
 * that, through `CpuBackend.layer_seconds`; a prediction does not read the clock. */
#ifndef PYDBCNN_STOPWATCH_H
#define PYDBCNN_STOPWATCH_H

#include <time.h>

typedef struct {
    double *seconds; /* of each stage; NULL: nothing is measured */
    double last;     /* when `add_time` was called last */
} stopwatch;

static inline double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

static inline stopwatch start_stopwatch(double *seconds)
{
    return (stopwatch){seconds, seconds ? seconds_now() : 0};
}

/* Adds the time since the last call to that of `stage`. */
static inline void add_time(stopwatch *watch, int stage)
{
    if (!watch->seconds)
        return;
    const double now = seconds_now();
    watch->seconds[stage] += now - watch->last;
    watch->last = now;
}

#endif
