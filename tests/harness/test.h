/* SPDX-License-Identifier: MIT */
/*
 * A thin layer over cmocka: TEST(name) { ... } defines a test and registers it, in the order of
 * the file, with the main() of main.c, which every test program shares.
 *
 * The name is the claim the test proves. All of cmocka's assert_*() may be used in the body.
 */
#ifndef ESTAB_TESTS_HARNESS_TEST_H
#define ESTAB_TESTS_HARNESS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Called before main(), once for each TEST; `name` and `run` live as long as the program. */
void estab_test_register(const char *name, void (*run)(void **));

#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static void run_##name(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        test_##name();                                                                             \
    }                                                                                              \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        estab_test_register(#name, run_##name);                                                    \
    }                                                                                              \
    static void test_##name(void)

/* Ends the test as skipped; the reason is shown in the summary of the run. */
#define TEST_SKIP(reason)                                                                          \
    do {                                                                                           \
        printf("skip reason: %s\n", (reason));                                                     \
        skip();                                                                                    \
    } while (0)

#endif
