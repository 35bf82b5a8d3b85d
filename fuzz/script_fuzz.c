/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes the language of scripts: whatever the text, it is understood or its first error is told at
 * a place inside of it; and what is understood can be played, for a while, without a rule of the
 * simulator being broken.
 */
#include "sim/script_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void *
heap_get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
heap_put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

static bool
is_text(const char *s, size_t room)
{
    return memchr(s, '\0', room) != NULL && *s != '\0';
}

/* Running it is bounded: few lines, and no more than a day. */
static bool
is_short(const struct sim_script *s)
{
    estab_time total = 0;
    uint64_t octets = 0;

    for (size_t i = 0; i < s->n_lines; i++) {
        total += s->lines[i].time / 64 + s->lines[i].within / 64;
        octets += s->lines[i].number;
    }
    return s->n_lines < 64 && total < ESTAB_SEC(3600 * 24) / 64 && octets < 100000;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct estab_alloc heap = { .get = heap_get, .put = heap_put };
    const struct sim_script_how without = { .language = SIM_SAY_CHINESE, .without = "paws" };
    const struct sim_script_watch nobody = { 0 };
    struct sim_script_result result;
    struct sim_script_error error;
    struct sim_script *s = malloc(sizeof *s);
    uint32_t lines = 1;

    if (s == NULL)
        return 0;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (sim_script_parse(s, &heap, (const char *)data, size, &error)) {
        REQUIRE(error.line == 0);
        REQUIRE(s->n_hosts >= 1 && s->n_hosts <= SIM_SCRIPT_HOSTS);
        for (size_t i = 0; i < s->n_lines; i++) {
            REQUIRE(s->lines[i].line >= 1 && s->lines[i].line <= lines);
            REQUIRE(s->lines[i].text.at + s->lines[i].text.len <= s->strings_len);
        }
        if (is_short(s)) {
            (void)sim_script_run(s, &heap, SIM_SAY_ENGLISH, &nobody, &result);
            REQUIRE(!result.failed || is_text(result.text, sizeof result.text));
            REQUIRE(result.broken_rule == NULL);
            /* judged softly, as without a rule of TCP; here no rule is really missing */
            (void)sim_script_play(s, &heap, &without, &nobody, &result);
            REQUIRE(!result.failed || is_text(result.text, sizeof result.text));
            REQUIRE(result.differences == 0 ||
                    is_text(result.difference[0].text, sizeof result.difference[0].text));
        }
    } else {
        REQUIRE(error.line >= 1 && error.line <= lines);
        REQUIRE(error.column >= 1 && error.column <= size + 1);
        REQUIRE(is_text(error.text, sizeof error.text));
    }
    sim_script_free(s);
    free(s);
    return 0;
}
