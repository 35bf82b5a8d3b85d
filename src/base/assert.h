/* SPDX-License-Identifier: MIT */
/* ESTAB_ASSERT: the caller of the library broke its contract. On in every build; no packet that a
 * peer can send may reach one (the fuzz targets look for it). */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#if defined(__GNUC__) || defined(__clang__)
#define ESTAB_ASSERT(cond)                                                                         \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            __builtin_trap();                                                                      \
    } while (0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define ESTAB_ASSERT(cond)                                                                         \
    do {                                                                                           \
        if (!(cond))                                                                               \
            *(volatile int *)0 = 0;                                                                \
    } while (0)
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#define PREFETCH(p) ((void)(p))
#endif

#endif
