/* SPDX-License-Identifier: MIT */
/*
 * main() of every test program: runs the tests that TEST() registered.
 *
 *   tcp/listen_test                  every test
 *   tcp/listen_test handshake reset  those whose name contains one of the words
 *   tcp/listen_test -l               the names
 */
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TESTS 1024

static struct CMUnitTest tests[MAX_TESTS];
static size_t n_tests;

void
estab_test_register(const char *name, void (*run)(void **))
{
    if (n_tests == MAX_TESTS) {
        fprintf(stderr, "too many tests in one program: raise MAX_TESTS in tests/harness/main.c\n");
        abort();
    }
    tests[n_tests++] = (struct CMUnitTest){ .name = name, .test_func = run };
}

static bool
is_chosen(const char *name, int n_words, char **words)
{
    if (n_words == 0)
        return true;
    for (int i = 0; i < n_words; i++)
        if (strstr(name, words[i]) != NULL)
            return true;
    return false;
}

int
main(int argc, char **argv)
{
    const char *program = strrchr(argv[0], '/');
    size_t n = 0;

    program = program != NULL ? program + 1 : argv[0];
    /* cmocka writes to stdout and stderr: without this they would be out of order in a file. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    if (argc == 2 && strcmp(argv[1], "-l") == 0) {
        for (size_t i = 0; i < n_tests; i++)
            puts(tests[i].name);
        return 0;
    }
    for (size_t i = 0; i < n_tests; i++)
        if (is_chosen(tests[i].name, argc - 1, argv + 1))
            tests[n++] = tests[i];
    if (n == 0) {
        fprintf(stderr, "%s: no test has such a name; -l lists them\n", program);
        return 2;
    }
    return _cmocka_run_group_tests(program, tests, n, NULL, NULL) == 0 ? 0 : 1;
}
