// Blocks of threads as fibers: a thread keeps the processor until it meets a barrier or an
// operation of its whole warp, so that what is not ordered by one of them happens in the
// most different orders. Threads that wait for others that never come are reported.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstdio>

#include <sys/mman.h>
#include <ucontext.h>

struct dim3 {
    unsigned x, y, z;
};
static dim3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

namespace cuda_host {

constexpr int MAX_THREADS = 1024;
constexpr size_t STACK = 256 << 10, PAGE = 4096;
constexpr unsigned char POISON = 0xff; // a NaN in every floating-point type

enum Wait { READY, FINISHED, AT_BARRIER, AT_WARP };

// What an operation of a warp needs of each lane.
struct Operand {
    unsigned mask; // the lanes that take part
    void* result;
    const void* a;
    unsigned b0, b1;
};

struct Fiber {
    jmp_buf state;
    ucontext_t start;
    char* stack;
    bool started;
    Wait wait;
    const char* operation; // of the warp that it waits at
    Operand operand;
    dim3 index;
};

static Fiber fibers[MAX_THREADS];
static jmp_buf scheduler;
static sigjmp_buf leave; // for errors: out of the launch
static void (*body)(void**);
static void** arguments;
static int n_threads, n_at_barrier, current;
static char* dynamic_shared;
static char message[512];

[[noreturn, gnu::format(printf, 1, 2)]] static void fail(const char* format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    siglongjmp(leave, 1);
}

__attribute__((noinline)) static void to_scheduler()
{
    if (!_setjmp(fibers[current].state))
        _longjmp(scheduler, 1);
}

// A fiber lives for many blocks: starting one costs two system calls.
static void fiber_main()
{
    for (;;) {
        body(arguments);
        fibers[current].wait = FINISHED;
        to_scheduler();
    }
}

__attribute__((noinline)) static void start(Fiber& fiber)
{
    if (!fiber.stack) {
        fiber.stack = (char*)mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        mprotect(fiber.stack, PAGE, PROT_NONE);
    }
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack;
    fiber.start.uc_stack.ss_size = STACK;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, fiber_main, 0);
    fiber.started = true;
    setcontext(&fiber.start);
}

__attribute__((noinline)) static void run(int thread)
{
    current = thread;
    Fiber& fiber = fibers[thread];
    threadIdx = fiber.index;
    if (_setjmp(scheduler))
        return;
    if (fiber.started)
        _longjmp(fiber.state, 1);
    start(fiber);
}

// A warp goes as far as it can; its lanes lie together in the order.
static bool run_warp(const int* lanes, int n_lanes)
{
    bool ran = false;
    for (bool any = true; any;) {
        any = false;
        for (int i = 0; i < n_lanes; ++i)
            if (fibers[lanes[i]].wait == READY) {
                run(lanes[i]);
                ran = any = true;
            }
    }
    return ran;
}

static void report_deadlock()
{
    int finished = 0, at_warp = 0, example = -1;
    for (int i = 0; i < n_threads; ++i) {
        finished += fibers[i].wait == FINISHED;
        at_warp += fibers[i].wait == AT_WARP;
        if (fibers[i].wait == AT_WARP && example < 0)
            example = i;
    }
    fail("deadlock: of %d threads, %d have finished, %d wait at __syncthreads and %d "
         "at %s for lanes that do not come",
         n_threads, finished, n_at_barrier, at_warp,
         example < 0 ? "an operation of their warp"
                     : fibers[example].operation);
}

// The warp with fewer than 32 lanes, if any, is the last of the block.
static int lanes_of_warp(int first) {
    const int left = n_threads - first / warpSize * warpSize;
    return left < warpSize ? left : warpSize;
}

static void run_block(const int* order)
{
    n_at_barrier = 0;
    for (int i = 0; i < n_threads; ++i)
        fibers[i].wait = READY;
    for (bool any = true; any;) {
        any = false;
        for (int i = 0, n; i < n_threads; i += n) {
            n = lanes_of_warp(order[i]);
            any |= run_warp(order + i, n);
        }
    }
    for (int i = 0; i < n_threads; ++i)
        if (fibers[i].wait != FINISHED)
            report_deadlock();
}

// All lanes of the mask meet; the last to come does the work for all of them.
template <class Work>
inline void meet(const char* operation, const Operand& operand, const Work& work)
{
    const int lane = current % warpSize;
    Fiber* const lanes = &fibers[current - lane];
    lanes[lane].operation = operation;
    lanes[lane].operand = operand;
    for (int i = 0; i < warpSize; ++i) {
        if (i == lane || !(operand.mask >> i & 1))
            continue;
        if (i >= lanes_of_warp(current) || lanes[i].wait != AT_WARP) {
            lanes[lane].wait = AT_WARP;
            return to_scheduler();
        }
        if (lanes[i].operation != operation || lanes[i].operand.mask != operand.mask)
            fail("deadlock: lane %d waits at %s, lane %d at %s, or with another mask",
                 lane, operation, i, lanes[i].operation);
    }
    if (!(operand.mask >> lane & 1))
        fail("%s: lane %d is not in its own mask %#x", operation, lane, operand.mask);
    work(lanes);
    for (int i = 0; i < warpSize; ++i)
        if (operand.mask >> i & 1)
            lanes[i].wait = READY;
}

} // namespace cuda_host
