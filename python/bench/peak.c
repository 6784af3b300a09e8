/* The arithmetic peak of this machine: peak PRECISION SECONDS CPU [CPU ...]
 *
 * One thread on each CPU runs multiply-adds on registers alone, in as many independent chains as
 * hide the latency of the unit. Every multiply-add adds exactly 1, so the sum over all lanes
 * counts the operations that were really carried out. Prints one line:
 *     KERNEL MULTIPLY_ADDS EXPECTED SECONDS
 * Exit status 3 with a reason on stderr: this CPU or compiler has no kernel for PRECISION. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHAINS = 12, UNROLL = 8, STEPS = 1 << 14, MAX_CPUS = 4096 };

typedef double kernel(void); /* STEPS * UNROLL instructions on each chain -> sum of all lanes */
struct choice {
    const char *name;
    kernel *run;
    int per_instruction; /* multiply-adds of one instruction */
};

#if defined(__x86_64__)
/* The empty asm statements hide from the compiler that operands are constant and chains equal. */
#define KERNEL(name, isa, vec, zero, one, step, element, lanes)                                   \
    __attribute__((target(isa))) static double name(void) {                                        \
        vec sum[CHAINS], x = one, y = one;                                                         \
        element lane[lanes];                                                                       \
        double total = 0;                                                                          \
        __asm__ volatile("" : "+v"(x), "+v"(y));                                                   \
        for (int c = 0; c < CHAINS; c++) {                                                         \
            sum[c] = zero;                                                                         \
            __asm__ volatile("" : "+v"(sum[c]));                                                   \
        }                                                                                          \
        for (int i = 0; i < STEPS; i++) {                                                          \
            _Pragma("GCC unroll 8") for (int u = 0; u < UNROLL; u++)                               \
                _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = step;           \
        }                                                                                          \
        for (int c = 0; c < CHAINS; c++) {                                                         \
            memcpy(lane, &sum[c], sizeof lane);                                                    \
            for (int i = 0; i < lanes; i++) total += lane[i];                                      \
        }                                                                                          \
        return total;                                                                              \
    }
KERNEL(fp32_avx512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(1),
       _mm512_fmadd_ps(x, y, sum[c]), float, 16)
KERNEL(fp32_fma, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(1),
       _mm256_fmadd_ps(x, y, sum[c]), float, 8)
#if __GNUC__ >= 10
/* Two bfloat16 ones are the 32-bit pattern 3f80 3f80. */
KERNEL(bf16_avx512, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
       _mm512_castsi512_ps(_mm512_set1_epi32(0x3f803f80)),
       _mm512_dpbf16_ps(sum[c], (__m512bh)x, (__m512bh)y), float, 16)
KERNEL(int8_avx512, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(),
       _mm512_set1_epi32(0x01010101), _mm512_dpbusd_epi32(sum[c], x, y), int, 16)
#endif
#if __GNUC__ >= 11
KERNEL(int8_avx, "avx2,avxvnni", __m256i, _mm256_setzero_si256(), _mm256_set1_epi32(0x01010101),
       _mm256_dpbusd_avx_epi32(sum[c], x, y), int, 8)
#endif
#endif

/* The fastest kernel that both compiler and CPU have; otherwise NULL and a reason. */
static const struct choice *choose(const char *precision, const char **reason) {
    *reason = "no kernel has been written for this processor architecture";
#if defined(__x86_64__)
    __builtin_cpu_init();
    *reason = "the CPU lacks the instruction, or the C compiler is too old for it";
    if (!strcmp(precision, "fp32")) {
        static const struct choice wide = {"vfmadd231ps zmm", fp32_avx512, 16};
        static const struct choice narrow = {"vfmadd231ps ymm", fp32_fma, 8};
        if (__builtin_cpu_supports("avx512f")) return &wide;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &narrow;
    }
#if __GNUC__ >= 10
    if (!strcmp(precision, "bf16")) {
        static const struct choice wide = {"vdpbf16ps zmm", bf16_avx512, 32};
        if (__builtin_cpu_supports("avx512bf16")) return &wide;
    }
    if (!strcmp(precision, "int8")) {
        static const struct choice wide = {"vpdpbusd zmm", int8_avx512, 64};
        if (__builtin_cpu_supports("avx512vnni")) return &wide;
    }
#endif
#if __GNUC__ >= 11
    if (!strcmp(precision, "int8")) {
        static const struct choice narrow = {"vpdpbusd ymm", int8_avx, 32};
        if (__builtin_cpu_supports("avxvnni")) return &narrow;
    }
#endif
#endif
    return NULL;
}

struct work {
    pthread_t thread;
    const struct choice *kernel;
    double seconds, done;
    long calls;
    int cpu, pinned;
};
static pthread_barrier_t start;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *argument) {
    struct work *w = argument;
    cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
    size_t size = CPU_ALLOC_SIZE(MAX_CPUS);
    CPU_ZERO_S(size, set);
    CPU_SET_S((size_t)w->cpu, size, set);
    w->pinned = !pthread_setaffinity_np(pthread_self(), size, set);
    CPU_FREE(set);
    w->kernel->run(); /* warm up: wide units and clocks take a moment */
    pthread_barrier_wait(&start);
    for (double end = now() + w->seconds; now() < end; w->calls++) w->done += w->kernel->run();
    return NULL;
}

int main(int argc, char **argv) {
    const char *reason;
    int threads = argc - 3;
    if (threads < 1 || threads > MAX_CPUS) {
        fprintf(stderr, "usage: peak PRECISION SECONDS CPU [CPU ...]\n");
        return 2;
    }
    const struct choice *kernel = choose(argv[1], &reason);
    if (!kernel) {
        fprintf(stderr, "%s\n", reason);
        return 3;
    }
    struct work *all = calloc((size_t)threads, sizeof *all);
    if (!all || pthread_barrier_init(&start, NULL, (unsigned)threads + 1)) return 1;
    for (int i = 0; i < threads; i++) {
        all[i] = (struct work){.kernel = kernel, .seconds = atof(argv[2]), .cpu = atoi(argv[3 + i])};
        if (pthread_create(&all[i].thread, NULL, work, &all[i])) {
            fprintf(stderr, "a thread could not be started\n");
            return 1;
        }
    }
    pthread_barrier_wait(&start);
    double began = now(), done = 0, expected = 0;
    for (int i = 0; i < threads; i++) pthread_join(all[i].thread, NULL);
    double seconds = now() - began;
    for (int i = 0; i < threads; i++) {
        if (!all[i].pinned) {
            fprintf(stderr, "a thread could not be put on CPU %d\n", all[i].cpu);
            return 1;
        }
        done += all[i].done;
        expected += (double)all[i].calls * STEPS * UNROLL * CHAINS * kernel->per_instruction;
    }
    printf("%s\t%.0f\t%.0f\t%.9f\n", kernel->name, done, expected, seconds);
    return 0;
}
